//! Section sock, and polling of sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{ALL, BULK, RESULT, World};
use crate::Errno;

/// A world with a listener as descriptor 5, and a connection to it that waits.
fn world() -> (World, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (World::with(|builder| builder.inherit_clocks().preopened_listener(listener)), client)
}

fn accept(world: &mut World) -> u32 {
    world.call().sock_accept(5, 0, RESULT).unwrap();
    world.u32(RESULT)
}

fn receive(world: &mut World, fd: u32, length: u32, flags: u32) -> Result<Vec<u8>, Errno> {
    let (list, count) = world.buffer(length);
    world.call().sock_recv(fd, list, count, flags, RESULT, RESULT + 4)?;
    let read = world.u32(RESULT) as usize;
    Ok(world.memory[BULK as usize..][..read].to_vec())
}

#[test]
#[cfg_attr(miri, ignore = "sockets have options, which Miri does not have")]
fn a_connection_is_accepted_and_used() {
    let (mut world, mut client) = world();
    let fd = accept(&mut world);
    client.write_all(b"hello").unwrap();
    assert_eq!(receive(&mut world, fd, 5, 1).unwrap(), b"hello", "a look");
    assert_eq!(receive(&mut world, fd, 2, 0).unwrap(), b"he");
    assert_eq!(world.read(fd, 1).unwrap(), b"l");
    client.write_all(b"!").unwrap();
    assert_eq!(receive(&mut world, fd, 3, 2).unwrap(), b"lo!", "all of it");

    let (list, count) = world.buffer(2);
    world.put(BULK, b"ok");
    world.call().sock_send(fd, list, count, 0, RESULT).unwrap();
    assert_eq!(world.write(fd, b"ay"), Ok(2));
    world.call().sock_shutdown(fd, 2).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "okay");
}

#[test]
#[cfg_attr(miri, ignore = "sockets have options, which Miri does not have")]
fn a_socket_that_does_not_wait_says_so() {
    let (mut world, _client) = world();
    let fd = accept(&mut world);
    world.call().fd_fdstat_set_flags(fd, 4).unwrap();
    assert_eq!(world.read(fd, 1), Err(Errno::Again));
    world.call().fd_fdstat_set_flags(5, 4).unwrap();
    assert_eq!(world.call().sock_accept(5, 0, RESULT), Err(Errno::Again));
}

#[test]
#[cfg_attr(miri, ignore = "sockets have options, which Miri does not have")]
fn polling_waits_for_the_other_side() {
    let (mut world, mut client) = world();
    let fd = accept(&mut world);
    let mut bytes = [0; 96];
    bytes[8] = 1;
    bytes[16..20].copy_from_slice(&fd.to_le_bytes());
    bytes[56] = 0;
    bytes[64..68].copy_from_slice(&1_u32.to_le_bytes());
    bytes[72..80].copy_from_slice(&2_000_000_u64.to_le_bytes());
    world.put(0, &bytes);
    let poll = |world: &mut World| {
        world.call().poll_oneoff(0, BULK, 2, RESULT).unwrap();
        assert_eq!(world.u32(RESULT), 1);
        world.memory[BULK as usize + 10]
    };
    assert_eq!(poll(&mut world), 0, "nothing came in two milliseconds");
    client.write_all(b"hello").unwrap();
    bytes[72..80].copy_from_slice(&60_000_000_000_u64.to_le_bytes());
    world.put(0, &bytes);
    assert_eq!(poll(&mut world), 1);
    assert_eq!(world.u64(BULK + 16), 5, "bytes to read");
}

#[test]
#[cfg_attr(miri, ignore = "sockets have options, which Miri does not have")]
fn sockets_are_checked() {
    let (mut world, _client) = world();
    let fd = accept(&mut world);
    let file = world.open("file", 0, ALL).unwrap();
    assert_eq!(world.call().sock_shutdown(fd, 0), Err(Errno::Inval));
    assert_eq!(world.call().sock_shutdown(fd, 4), Err(Errno::Inval));
    assert_eq!(world.call().sock_shutdown(99, 1), Err(Errno::Badf));
    assert_eq!(world.call().sock_shutdown(file, 1), Err(Errno::Notsock));
    assert_eq!(world.call().sock_accept(file, 0, RESULT), Err(Errno::Notsock));
    assert_eq!(world.call().sock_accept(fd, 0, RESULT), Err(Errno::Inval));
    assert_eq!(world.call().sock_accept(5, 1, RESULT), Err(Errno::Inval));
    assert_eq!(receive(&mut world, file, 1, 0), Err(Errno::Notsock));
    assert_eq!(receive(&mut world, 5, 1, 0), Err(Errno::Notconn));
    assert_eq!(receive(&mut world, fd, 1, 4), Err(Errno::Inval));
    assert_eq!(world.call().sock_send(fd, 8192, 0, 1, RESULT), Err(Errno::Inval));
    assert_eq!(world.read(5, 1), Err(Errno::Badf));
}

/// Someone else takes connections and bytes between the time they are there and the time that the
/// guest takes them. It fails by not ending.
#[test]
#[cfg_attr(miri, ignore = "sockets have options, which Miri does not have")]
fn a_thief_makes_the_guest_wait_and_no_more() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (thief, done) = (listener.try_clone().unwrap(), Arc::new(AtomicBool::new(false)));
    let mut world = World::with(|builder| builder.preopened_listener(listener));
    let stop = done.clone();
    let stealing = std::thread::spawn(move || {
        let mut stolen = 0;
        while !stop.load(Ordering::Relaxed) {
            stolen += u32::from(thief.accept().is_ok());
        }
        stolen
    });
    let mut accepted = 0;
    let mut connections = Vec::new();
    for _ in 0..200 {
        world.waits = crate::wait::Waits::default();
        world.waits.deadline = Some(Instant::now() + Duration::from_millis(5));
        let connect = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(500));
            TcpStream::connect(address).unwrap()
        });
        match world.call().sock_accept(5, 0, RESULT) {
            Ok(()) => {
                accepted += 1;
                let fd = world.u32(RESULT);
                world.call().fd_close(fd).unwrap();
            }
            Err(errno) => assert_eq!((errno, world.waits.is_over), (Errno::Intr, true)),
        }
        connections.push(connect.join().unwrap());
    }
    done.store(true, Ordering::Relaxed);
    let stolen = stealing.join().unwrap();
    assert!(stolen > 0, "{accepted} of 200 were accepted, {stolen} stolen");
}

#[test]
#[cfg_attr(miri, ignore = "sockets have options, which Miri does not have")]
fn the_guests_flag_says_whether_it_waits() {
    let (mut world, mut client) = world();
    let fd = accept(&mut world);
    world.waits.deadline = Some(Instant::now());
    let errno = |outcome: Result<Vec<u8>, Errno>| outcome.unwrap_err();
    assert_eq!(errno(world.read(fd, 1)), Errno::Intr);
    assert_eq!(errno(receive(&mut world, fd, 1, 2)), Errno::Intr);
    world.call().fd_fdstat_set_flags(fd, 4).unwrap();
    assert_eq!(errno(world.read(fd, 1)), Errno::Again);
    assert_eq!(errno(receive(&mut world, fd, 1, 2)), Errno::Again);
    world.call().fd_fdstat_set_flags(fd, 0).unwrap();
    world.waits.deadline = None;
    client.write_all(b"x").unwrap();
    assert_eq!(receive(&mut world, fd, 1, 1).unwrap(), b"x");
    assert_eq!(world.read(fd, 1).unwrap(), b"x");
}
