//! Waits end at the store's deadline and at the context's. No test here measures time: one that
//! fails does not end.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use brolga::{Config, Engine, Linker, Module, Result, Store, Trap, TypedFunc, UpdateDeadline};

use rustix::event::{PollFd, PollFlags};

use crate::wait::Waits;
use crate::{Errno, LogScopes, WasiCtx, WasiCtxBuilder};

/// Each export waits in another way, and tells the errno and the first word of what came of it.
const WAITING: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read"
        (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_recv"
        (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 4)
    (data (i32.const 0) "\00\01\00\00\00\00\02\00") ;; a buffer of 128 KiB at 256
    (func (export "sleep") (param $for i64) (result i32)
        (i32.store8 (i32.const 24) (i32.const 0)) ;; a clock
        (i32.store (i32.const 32) (i32.const 1)) ;; the monotonic one
        (i64.store (i32.const 40) (local.get $for))
        (call $poll (i32.const 16) (i32.const 128) (i32.const 1) (i32.const 8)))
    (func (export "poll") (param i64) (result i32)
        (i32.store8 (i32.const 24) (i32.const 1)) ;; reading
        (i32.store (i32.const 32) (i32.const 0)) ;; standard input
        (call $poll (i32.const 16) (i32.const 128) (i32.const 1) (i32.const 8)))
    (func (export "read") (param i64) (result i32)
        (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (func (export "write") (param i64) (result i32)
        (loop $again (result i32)
            (br_if $again (i32.eqz
                (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
            (i32.const -1)))
    (func (export "accept") (param i64) (result i32)
        (call $accept (i32.const 3) (i32.const 0) (i32.const 8)))
    (func (export "recv") (param i64) (result i32)
        (call $recv (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)
            (i32.const 12)))
    (func (export "recv_all") (param i64) (result i32)
        (call $recv (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 8)
            (i32.const 12)))
    (func (export "send") (param i64) (result i32)
        (loop $again (result i32)
            (br_if $again (i32.eqz
                (call $write (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 8))))
            (i32.const -1))))"#;

/// Says that a call has begun, each time one has.
pub(super) struct Begun(pub(super) Sender<()>);

impl Write for Begun {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.starts_with(b"-->") {
            // Nobody may be listening any more.
            let _ = self.0.send(());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The ends of what the guest waits for, which keep silent.
struct Silence {
    input: PipeWriter,
    output: PipeReader,
    peer: TcpStream,
}

pub(super) struct Waiting {
    pub(super) engine: Engine,
    pub(super) store: Store<WasiCtx>,
    silence: Silence,
}

impl Waiting {
    pub(super) fn new(
        change: impl FnOnce(&mut WasiCtxBuilder) -> &mut WasiCtxBuilder,
    ) -> Result<Self> {
        let engine = Engine::new(Config::new().epoch_interruption(true))?;
        let (stdin, input) = io::pipe()?;
        let (output, stdout) = io::pipe()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let peer = TcpStream::connect(listener.local_addr()?)?;
        let (stream, _) = listener.accept()?;
        let mut builder = WasiCtxBuilder::new();
        builder.stdin_fd(stdin).stdout_fd(stdout).inherit_clocks();
        builder.preopened_listener(listener).preopened_stream(stream);
        let store = Store::new(&engine, change(&mut builder).build());
        Ok(Self { engine, store, silence: Silence { input, output, peer } })
    }

    pub(super) fn export(&mut self, name: &str) -> Result<TypedFunc<i64, i32>> {
        let module = Module::new(&self.engine, WAITING)?;
        let mut linker = Linker::new(&self.engine);
        crate::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
        let instance = linker.instantiate(&mut self.store, &module)?;
        instance.get_typed_func(&mut self.store, name)
    }
}

pub(super) const HOUR: i64 = 3_600_000_000_000;
const ALL: [&str; 8] = ["sleep", "poll", "read", "write", "accept", "recv", "recv_all", "send"];

#[test]
#[cfg_attr(miri, ignore = "waits for the system")]
fn waits_end_at_the_stores_deadline() -> Result<()> {
    for name in ALL {
        let (begun, begins) = channel();
        let mut waiting = Waiting::new(|builder| builder.log(LogScopes::ALL, Begun(begun)))?;
        waiting.store.set_epoch_deadline(1);
        let export = waiting.export(name)?;
        let engine = waiting.engine.clone();
        let ticker = std::thread::spawn(move || {
            begins.recv().unwrap();
            // Into the wait, most of the time; before it is as good.
            std::thread::sleep(Duration::from_millis(20));
            engine.increment_epoch();
        });
        let error = export.call(&mut waiting.store, HOUR).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt), "{name}");
        ticker.join().unwrap();
        // The store is as usable as before.
        waiting.store.set_epoch_deadline(1);
        assert_eq!(waiting.export("sleep")?.call(&mut waiting.store, 1)?, 0, "{name}");
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "waits for the system")]
fn waits_end_at_the_contexts_deadline() -> Result<()> {
    for name in ALL {
        let soon = Instant::now() + Duration::from_millis(20);
        let mut waiting = Waiting::new(|builder| builder.wait_deadline(soon))?;
        waiting.store.set_epoch_deadline(1_000);
        let export = waiting.export(name)?;
        let error = export.call(&mut waiting.store, HOUR).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt), "{name}");
        waiting.store.data_mut().set_wait_deadline(None);
        assert_eq!(waiting.export("sleep")?.call(&mut waiting.store, 1)?, 0, "{name}");
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "waits for the system")]
fn a_wait_goes_on_when_the_store_says_so() -> Result<()> {
    let (begun, begins) = channel();
    let mut waiting = Waiting::new(|builder| builder.log(LogScopes::FILESYSTEM, Begun(begun)))?;
    waiting.store.set_epoch_deadline(1);
    let export = waiting.export("read")?;
    let (asked, asks) = channel();
    let engine = waiting.engine.clone();
    // The call is interrupted twice, at least, and finds input after the second time.
    let Silence { mut input, .. } = waiting.silence;
    let mut count = 0;
    waiting.store.epoch_deadline_callback(move |_| {
        count += 1;
        if count == 2 {
            input.write_all(b"late")?;
        }
        // Nobody listens after the second.
        let _ = asked.send(count);
        Ok(UpdateDeadline::Continue(1))
    });
    let ticker = std::thread::spawn(move || {
        begins.recv().unwrap();
        let mut asked = Ok(0);
        while matches!(asked, Ok(0 | 1) | Err(RecvTimeoutError::Timeout)) {
            engine.increment_epoch();
            asked = asks.recv_timeout(Duration::from_millis(1));
        }
    });
    assert_eq!(export.call(&mut waiting.store, 0)?, 0);
    ticker.join().unwrap();
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "waits for the system")]
fn a_sleep_that_is_interrupted_does_not_begin_anew() -> Result<()> {
    let mut waiting = Waiting::new(|builder| builder)?;
    waiting.store.set_epoch_deadline(1);
    waiting.store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(1)));
    let export = waiting.export("sleep")?;
    let engine = waiting.engine.clone();
    let (done, is_done) = channel::<()>();
    let ticker = std::thread::spawn(move || {
        // A tick comes well before the sleep is over, each time.
        while is_done.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
            engine.increment_epoch();
        }
    });
    assert_eq!(export.call(&mut waiting.store, 100_000_000)?, 0);
    done.send(()).unwrap();
    ticker.join().unwrap();
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "waits for the system")]
fn what_is_ready_is_not_waited_for() -> Result<()> {
    let mut waiting = Waiting::new(|builder| builder)?;
    waiting.store.set_epoch_deadline(1);
    waiting.silence.input.write_all(b"in")?;
    waiting.silence.peer.write_all(b"socket")?;
    for name in ["poll", "read", "accept", "recv"] {
        if name == "accept" {
            let address = waiting.silence.peer.peer_addr()?;
            drop(TcpStream::connect(address)?);
        }
        assert_eq!(waiting.export(name)?.call(&mut waiting.store, 0)?, 0, "{name}");
    }
    // What was written before the pipe was full is there.
    let write = waiting.export("write")?;
    let (engine, Silence { mut output, .. }) = (waiting.engine.clone(), waiting.silence);
    let reading = std::thread::spawn(move || {
        let mut written = [1; 4096];
        output.read_exact(&mut written).unwrap();
        engine.increment_epoch();
        // Until the guest was interrupted: a pipe that nobody reads is another error.
        (written, output)
    });
    let error = write.call(&mut waiting.store, 0).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt));
    assert_eq!(reading.join().unwrap().0, [0; 4096], "the guest's zeros");
    Ok(())
}

/// The host refuses to look at more descriptors than a process may have. Time has not passed then.
#[test]
#[cfg_attr(miri, ignore = "waits for the system")]
fn what_the_host_cannot_wait_for_is_an_error() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let open = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let Some(Ok(limit)) = open.split_whitespace().nth(3).map(str::parse::<usize>) else { return };
    let (reader, _writer) = io::pipe().unwrap();
    let mut polled = vec![PollFd::new(&reader, PollFlags::IN); limit + 1];
    let mut waits = Waits::default();
    assert!(waits.poll(&mut polled, Some(Duration::from_secs(3_600))));
    assert_eq!(waits.failure, Some(Errno::Inval));
}

/// A named pipe of the host's: opening does not wait, where nobody could end it, and reading does.
#[test]
#[cfg_attr(miri, ignore = "waits for the system")]
fn a_named_pipe_is_opened_at_once() {
    use super::{READ, WRITE, World};
    let mut world = World::new();
    let path = world.base.join("inside/pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(world.open("pipe", 0, WRITE), Err(Errno::Nxio), "nobody reads");
    let fd = world.open("pipe", 0, READ | 1 << 3).unwrap();
    for _ in 0..2 {
        world.waits = Waits::default();
        world.waits.deadline = Some(Instant::now() + Duration::from_millis(5));
        assert_eq!(world.read(fd, 9), Err(Errno::Intr), "nobody has written");
    }
    world.waits = Waits::default();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        std::fs::write(path, "hello").unwrap();
    });
    assert_eq!(world.read(fd, 9).unwrap(), b"hello");
    writer.join().unwrap();
    assert_eq!(world.read(fd, 9).unwrap(), b"", "the writer has gone");
    assert!(world.open("pipe", 0, WRITE).is_ok());
    // What the guest asks for it gets, then.
    world.call().fd_fdstat_set_flags(fd, 4).unwrap();
    assert_eq!(world.read(fd, 9), Err(Errno::Again), "there is a writer again");
}
