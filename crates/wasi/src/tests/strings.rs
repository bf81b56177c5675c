//! Sections args, environ and random.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{BULK, RESULT, World};
use crate::{Clock, Errno, SystemRandom, WasiCtxBuilder};

fn world() -> World {
    World::with(|builder: &mut WasiCtxBuilder| {
        builder.args(&["prog", "é"]).envs(&[("A", "1"), ("EMPTY", "")])
    })
}

#[test]
fn args_are_c_strings() {
    let mut world = world();
    world.call().args_sizes_get(RESULT, RESULT + 4).unwrap();
    assert_eq!((world.u32(RESULT), world.u32(RESULT + 4)), (2, 8));
    world.call().args_get(RESULT, BULK).unwrap();
    assert_eq!((world.u32(RESULT), world.u32(RESULT + 4)), (BULK, BULK + 5));
    assert_eq!(&world.memory[BULK as usize..][..8], "prog\0é\0".as_bytes());
}

#[test]
fn environ_is_key_and_value() {
    let mut world = world();
    world.call().environ_sizes_get(RESULT, RESULT + 4).unwrap();
    assert_eq!((world.u32(RESULT), world.u32(RESULT + 4)), (2, 11));
    world.call().environ_get(RESULT, BULK).unwrap();
    assert_eq!(&world.memory[BULK as usize..][..11], b"A=1\0EMPTY=\0");
}

#[test]
fn nothing_is_given_by_default() {
    let mut world = World::new();
    world.context = WasiCtxBuilder::new().build();
    world.call().args_sizes_get(RESULT, RESULT + 4).unwrap();
    assert_eq!((world.u32(RESULT), world.u32(RESULT + 4)), (0, 0));
    world.call().environ_sizes_get(RESULT, RESULT + 4).unwrap();
    assert_eq!((world.u32(RESULT), world.u32(RESULT + 4)), (0, 0));
    assert_eq!(world.read(0, 9).unwrap(), b"");
    for output in [1, 2] {
        assert_eq!(world.write(output, b"unheard"), Ok(7));
    }
    for fd in 3..9 {
        assert_eq!(world.call().fd_fdstat_get(fd, RESULT), Err(Errno::Badf));
    }
}

#[test]
fn one_call_gives_the_hosts() {
    let mut world = World::new();
    world.context = WasiCtxBuilder::new().inherit_host().build();
    assert!(world.context.args.iter().cloned().eq(std::env::args()));
    let path = std::env::var("PATH").map(|path| format!("PATH={path}"));
    assert!(world.context.environ.contains(&path.unwrap()));
    let (before, after) = (world.context.clocks.now(Clock::Realtime), SystemTime::now());
    let before = UNIX_EPOCH + Duration::from_nanos(before.unwrap());
    assert!(before <= after && after < before + Duration::from_secs(3600));
    world.call().random_get(BULK, 32).unwrap();
    let drawn = world.memory[BULK as usize..][..32].to_vec();
    world.context = WasiCtxBuilder::new().inherit_host().build();
    world.call().random_get(BULK, 32).unwrap();
    assert_ne!(world.memory[BULK as usize..][..32], drawn);
    assert_eq!(world.call().fd_prestat_get(3, RESULT), Err(Errno::Badf));
}

#[test]
fn strings_do_not_fit_outside_the_memory() {
    let mut world = world();
    assert_eq!(world.call().args_get(RESULT, 65_532), Err(Errno::Fault));
    assert_eq!(world.call().args_get(u32::MAX, BULK), Err(Errno::Fault));
    assert_eq!(world.call().environ_get(RESULT, u32::MAX), Err(Errno::Fault));
    assert_eq!(world.call().environ_sizes_get(65_533, RESULT), Err(Errno::Fault));
}

#[test]
fn random_bytes_fill_exactly() {
    let mut world = World::new();
    world.call().random_get(BULK, 100).unwrap();
    let after = BULK as usize + 100;
    assert_ne!(world.memory[BULK as usize..after], [0xaa; 100]);
    assert_eq!(world.memory[after..after + 8], [0xaa; 8]);
    assert_eq!(world.call().random_get(0, 0), Ok(()));
    assert_eq!(world.call().random_get(BULK, 60_000), Err(Errno::Fault));
}

#[test]
fn random_bytes_repeat_unless_they_are_the_systems() {
    let draw = |mut world: World| {
        world.call().random_get(BULK, 32).unwrap();
        world.memory[BULK as usize..][..32].to_vec()
    };
    assert_eq!(draw(World::new()), draw(World::new()));
    let system = || World::with(|builder| builder.random(SystemRandom));
    assert_ne!(draw(system()), draw(system()));
}
