//! Sections clock and sched.

use std::time::{Duration, SystemTime};

use super::{RESULT, World};
use crate::{Clock, Clocks, Errno, SystemClocks};

fn now(world: &mut World, clock: u32) -> u64 {
    world.call().clock_time_get(clock, 0, RESULT).unwrap();
    world.u64(RESULT)
}

#[test]
fn clocks_are_fixed_by_default() {
    let (mut first, mut second) = (World::new(), World::new());
    for clock in 0..4 {
        assert_eq!(now(&mut first, clock), now(&mut second, clock), "clock {clock}");
    }
    first.call().clock_res_get(1, RESULT).unwrap();
    assert_eq!(first.u64(RESULT), 1_000_000);
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no resolutions of clocks")]
fn the_systems_clocks_tell_its_time() {
    let mut world = World::with(|builder| builder.inherit_clocks());
    let host = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let told = Duration::from_nanos(now(&mut world, 0));
    assert!(told.abs_diff(host) < Duration::from_secs(60), "{told:?} for {host:?}");
    let before = now(&mut world, 1);
    assert!(before < 60_000_000_000, "the monotonic clock starts with the context");
    std::thread::sleep(Duration::from_millis(2));
    assert!(now(&mut world, 1) >= before + 2_000_000);
    for clock in 2..4 {
        world.call().clock_res_get(clock, RESULT).unwrap();
        assert!(world.u64(RESULT) > 0);
        assert!(now(&mut world, clock) > 0);
    }
}

#[test]
fn other_clocks_are_invalid() {
    let mut world = World::new();
    assert_eq!(world.call().clock_time_get(4, 0, RESULT), Err(Errno::Inval));
    assert_eq!(world.call().clock_res_get(u32::MAX, RESULT), Err(Errno::Inval));
    assert_eq!(world.call().clock_time_get(0, 0, 65_530), Err(Errno::Fault));
    assert_eq!(world.call().clock_res_get(0, 65_530), Err(Errno::Fault));
}

#[test]
fn a_clock_that_is_missing_is_not_supported() {
    struct NoClocks;
    impl Clocks for NoClocks {
        fn now(&mut self, _: Clock) -> Option<u64> {
            None
        }
        fn resolution(&self, _: Clock) -> Option<u64> {
            None
        }
        fn sleep(&mut self, _: Duration) {}
    }
    let mut world = World::with(|builder| builder.clocks(NoClocks));
    assert_eq!(world.call().clock_time_get(0, 0, RESULT), Err(Errno::Notsup));
    assert_eq!(world.call().clock_res_get(0, RESULT), Err(Errno::Notsup));
}

#[test]
fn yielding_returns() {
    assert_eq!(World::new().call().sched_yield(), Ok(()));
    assert_eq!(
        World::with(|builder| builder.clocks(SystemClocks::new())).call().sched_yield(),
        Ok(())
    );
}
