//! Section poll.

use std::time::{Duration, Instant};

use super::{ALL, BULK, READ, RESULT, World};
use crate::{Errno, WasiLimits};

/// A subscription: userdata, kind, clock or descriptor, timeout, flags.
pub(super) fn subscribe(
    world: &mut World,
    index: u32,
    kind: u8,
    number: u32,
    timeout: u64,
    flags: u16,
) {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&(u64::from(index) + 100).to_le_bytes());
    bytes[8] = kind;
    bytes[16..20].copy_from_slice(&number.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
    bytes[40..42].copy_from_slice(&flags.to_le_bytes());
    world.put(48 * index, &bytes);
}

/// The events: userdata, errno, kind.
pub(super) fn poll(world: &mut World, count: u32) -> Result<Vec<(u64, u16, u8)>, Errno> {
    world.call().poll_oneoff(0, BULK, count, RESULT)?;
    let count = world.u32(RESULT);
    Ok((0..count)
        .map(|index| {
            let at = (BULK + 32 * index) as usize;
            let errno = u16::from_le_bytes([world.memory[at + 8], world.memory[at + 9]]);
            assert_eq!(world.memory[at + 11..at + 16], [0; 5], "padding");
            (world.u64(BULK + 32 * index), errno, world.memory[at + 10])
        })
        .collect())
}

#[test]
#[cfg_attr(miri, ignore = "the host waits by ppoll, which Miri does not have")]
fn time_passes_by_the_guests_clock() {
    let mut world = World::new();
    subscribe(&mut world, 0, 0, 1, 3_600_000_000_000, 0);
    let start = Instant::now();
    assert_eq!(poll(&mut world, 1), Ok(vec![(100, 0, 0)]));
    assert!(start.elapsed() < Duration::from_secs(60), "a fixed clock waits for nobody");
    world.call().clock_time_get(1, 0, RESULT).unwrap();
    assert!(world.u64(RESULT) >= 3_600_000_000_000);
}

#[test]
#[cfg_attr(miri, ignore = "the host waits by ppoll, which Miri does not have")]
fn the_systems_clock_waits() {
    let mut world = World::with(|builder| builder.inherit_clocks());
    subscribe(&mut world, 0, 0, 1, 5_000_000, 0);
    subscribe(&mut world, 1, 0, 0, 3_600_000_000_000, 0);
    let start = Instant::now();
    assert_eq!(poll(&mut world, 2), Ok(vec![(100, 0, 0)]));
    assert!(start.elapsed() >= Duration::from_millis(5));
    // A time that is past.
    subscribe(&mut world, 0, 0, 0, 1, 1);
    assert_eq!(poll(&mut world, 1), Ok(vec![(100, 0, 0)]));
}

#[test]
fn files_and_streams_are_ready() {
    let mut world = World::new();
    let fd = world.open("file", 0, ALL).unwrap();
    subscribe(&mut world, 0, 1, fd, 0, 0);
    subscribe(&mut world, 1, 2, fd, 0, 0);
    subscribe(&mut world, 2, 1, 0, 0, 0);
    subscribe(&mut world, 3, 2, 1, 0, 0);
    subscribe(&mut world, 4, 0, 1, 3_600_000_000_000, 0);
    let ready = vec![(100, 0, 1), (101, 0, 2), (102, 0, 1), (103, 0, 2)];
    assert_eq!(poll(&mut world, 5), Ok(ready));
    assert_eq!(world.u64(BULK + 16), 8, "bytes to read");
}

#[test]
fn what_is_wrong_with_one_is_its_event() {
    let mut world = World::new();
    let fd = world.open("file", 0, READ).unwrap();
    subscribe(&mut world, 0, 1, 99, 0, 0);
    subscribe(&mut world, 1, 1, fd, 0, 0);
    subscribe(&mut world, 2, 0, 9, 0, 0);
    subscribe(&mut world, 3, 0, 2, 0, 0);
    subscribe(&mut world, 4, 1, 1, 0, 0);
    subscribe(&mut world, 5, 1, 3, 0, 0);
    let (badf, notcapable, inval, notsup) = (8, 76, 28, 58);
    let events = [(badf, 1), (notcapable, 1), (inval, 0), (notsup, 0), (badf, 1), (notcapable, 1)];
    let expected = (100..).zip(events).map(|(data, (errno, kind))| (data, errno, kind)).collect();
    assert_eq!(poll(&mut world, 6), Ok(expected));
}

#[test]
fn a_call_is_checked_before_it_waits() {
    let limits = WasiLimits { subscriptions: 8, ..Default::default() };
    let mut world = World::with(|builder| builder.limits(limits));
    assert_eq!(poll(&mut world, 0), Err(Errno::Inval));
    assert_eq!(poll(&mut world, 9), Err(Errno::Inval));
    assert_eq!(poll(&mut world, u32::MAX), Err(Errno::Inval));
    subscribe(&mut world, 0, 3, 0, 0, 0);
    assert_eq!(poll(&mut world, 1), Err(Errno::Inval));
    subscribe(&mut world, 0, 0, 1, u64::MAX, 0);
    assert_eq!(world.call().poll_oneoff(0, 65_520, 1, RESULT), Err(Errno::Fault));
    assert_eq!(world.call().poll_oneoff(0, BULK, 1, 65_534), Err(Errno::Fault));
    assert_eq!(world.call().poll_oneoff(65_520, BULK, 1, RESULT), Err(Errno::Fault));
}
