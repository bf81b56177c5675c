//! WASI preview 1 for Brolga: the 46 functions of `wasi_snapshot_preview1`, and the 45 of its first
//! draft, `wasi_unstable`.
//!
//! ```
//! use brolga::{Engine, Linker, Module, Result, Store};
//! use brolga_wasi::{Exit, OutputBuffer, WasiCtx, WasiCtxBuilder};
//!
//! # fn main() -> Result<()> {
//! let engine = Engine::default();
//! let module = Module::new(
//!     &engine,
//!     r#"(module
//!         (import "wasi_snapshot_preview1" "fd_write"
//!             (func $write (param i32 i32 i32 i32) (result i32)))
//!         (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
//!         (memory (export "memory") 1)
//!         (data (i32.const 0) "\10\00\00\00\06\00\00\00")
//!         (data (i32.const 16) "hello\n")
//!         (func (export "_start")
//!             (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
//!             (call $exit (i32.const 7))))"#,
//! )?;
//! let mut linker = Linker::new(&engine);
//! brolga_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
//!
//! let output = OutputBuffer::new(1024);
//! let context = WasiCtxBuilder::new().arg("program").stdout(output.clone()).build();
//! let mut store = Store::new(&engine, context);
//! let instance = linker.instantiate(&mut store, &module)?;
//! let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
//! let error = start.call(&mut store, ()).unwrap_err();
//! assert_eq!(error.downcast_ref(), Some(&Exit(7)));
//! assert_eq!(output.contents(), b"hello\n");
//! # Ok(())
//! # }
//! ```
//!
//! A guest sees what its [`WasiCtx`] was built with and nothing else: without a word to the
//! contrary no arguments, no environment, no directory, an empty standard input, outputs that go
//! nowhere, clocks that do not know the time and numbers that are not random.
//!
//! A directory of the host is one file system of several that a guest may be given, an embedder's
//! own among them: see [`Fs`]. What a guest does can be logged: see [`WasiCtxBuilder::log`].
//! Programs of Emscripten and AssemblyScript import other things besides:
//! [`add_emscripten_to_linker`], [`add_assemblyscript_to_linker`].
//!
//! # Waiting, and being interrupted
//! `poll_oneoff`, reads of streams, sockets and an embedder's reader, `sock_accept` and writes to
//! what is full wait. They obey the store's deadline, where the engine counts epochs: within a few
//! milliseconds of [`Engine::increment_epoch`](brolga::Engine::increment_epoch) the call ends as
//! wasm that runs would, or goes on as the store's callback says. [`WasiCtx::set_wait_deadline`] is
//! a deadline for waits alone.
//!
//! # How it is made
//! Each section of the specification has a file: args, environ, clock, fd, path, poll, proc,
//! random, sched, sock. Its functions are methods of a call, which is the context and the guest's
//! memory; the linker's table lists them all.
//!
//! # What is not done
//! - `proc_raise` with a signal that stops a process: `notsup`.
//! - What an embedder's writer or [`Clocks`] wait for is not interrupted; nor is reading from a
//!   pipe whose bytes someone else takes just when they have come, or writing to one that someone
//!   else fills just when there was room.
//! - Opening a named pipe of the host's does not wait for its other end: to read it is open at
//!   once, and to write it is `nxio` as long as nobody reads.
//! - Emscripten's `invoke_` functions find the program's table by its export
//!   `__indirect_function_table`, which most programs have, and not otherwise.
//!
//! **Invariants**
//! - A guest's bytes, numbers and paths never make the host panic, and never allocate more than
//!   [`WasiLimits`] allow.
#![forbid(unsafe_code)]

mod args;
mod assemblyscript;
mod call;
mod clock;
mod context;
mod descriptor;
mod emscripten;
mod environ;
mod errno;
mod fd;
mod file;
mod file_limit;
mod filestat;
mod fs;
mod guest;
mod limits;
mod link;
mod log;
mod path;
mod poll;
mod proc;
mod random;
mod readdir;
mod reader;
mod rights;
mod sandbox;
mod sched;
mod signature;
mod sock;
mod stdio;
#[cfg(test)]
mod tests;
mod wait;

pub use assemblyscript::add_assemblyscript_to_linker;
pub use clock::{Clock, Clocks, FixedClocks, SystemClocks};
pub use context::{WasiCtx, WasiCtxBuilder};
pub use emscripten::add_emscripten_to_linker;
pub use errno::Errno;
pub use filestat::{Filestat, Filetype, NewTime};
pub use fs::{
    Advice, Directory, Entries, Entry, File, FileFlags, Fs, HostFs, MemoryBudget, MemoryFs,
    MemoryLimits, Name, OpenFile, OverlayFs,
};
pub use limits::WasiLimits;
pub use link::add_to_linker;
pub use log::{LogScopes, UnknownScope};
pub use proc::Exit;
pub use random::{Random, SeededRandom, SystemRandom};
pub use stdio::OutputBuffer;
