//! The table of the functions, and how a guest's call reaches them.
//!
//! One line per function, with the parameters as the specification lowers them; the method of the
//! same name is in the file of its section. The first draft of the specification, which programs
//! import as `wasi_unstable`, has the same functions but `sock_accept`; what differs is decided by
//! the call's [`Snapshot`].

use std::time::Instant;

use brolga::{Caller, Error, Extern, Linker, Result, Trap, bail};

use crate::call::{Call, Snapshot};
use crate::context::WasiCtx;
use crate::errno::Errno;
use crate::guest::Guest;
use crate::log::Logged;
use crate::wait::Waits;
use crate::{proc, signature};

const SUCCESS: u32 = 0;

/// Defines the functions of `wasi_snapshot_preview1` and of its first draft, `wasi_unstable`. `get`
/// finds the context in the store's data.
///
/// # Errors
/// If `linker` has one of them already and does not allow shadowing.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<()> {
    for snapshot in [Snapshot::Draft, Snapshot::Preview1] {
        add_proc(linker, snapshot, get)?;
        add_functions(linker, snapshot, get)?;
    }
    add_newer(linker, Snapshot::Preview1, get)
}

/// The two that may not return, and need no memory.
fn add_proc<T: 'static>(
    linker: &mut Linker<T>,
    snapshot: Snapshot,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<()> {
    let signature = signature::of("proc_exit").map_err(Error::new)?;
    linker.func_wrap(
        snapshot.module(),
        "proc_exit",
        move |mut caller: Caller<'_, T>, code: u32| -> Result<()> {
            let call = Logged { snapshot, signature, args: &[code.into()] };
            log_alone(get(caller.data_mut()), &call, None);
            Err(proc::exit(code))
        },
    )?;
    let signature = signature::of("proc_raise").map_err(Error::new)?;
    linker.func_wrap(
        snapshot.module(),
        "proc_raise",
        move |mut caller: Caller<'_, T>, signal: u32| -> Result<u32> {
            let call = Logged { snapshot, signature, args: &[signal.into()] };
            log_alone(get(caller.data_mut()), &call, None);
            let outcome = proc::raise(signal)?;
            log_alone(get(caller.data_mut()), &call, Some(outcome));
            Ok(number(outcome))
        },
    )?;
    Ok(())
}

/// Logs a call that needs no memory: that it begins, or its outcome.
fn log_alone(context: &mut WasiCtx, call: &Logged<'_>, outcome: Option<Result<(), Errno>>) {
    let Some(log) = &mut context.log else { return };
    if log.has(call.signature.scope) {
        let none = Guest::new(&mut []);
        match outcome {
            None => log.begin(call, &none),
            Some(outcome) => log.end(call, &none, outcome),
        }
    }
}

/// An argument as the log has it.
trait Raw: Copy {
    fn raw(self) -> u64;
}

impl Raw for u32 {
    fn raw(self) -> u64 {
        self.into()
    }
}

impl Raw for u64 {
    fn raw(self) -> u64 {
        self
    }
}

impl Raw for i64 {
    fn raw(self) -> u64 {
        self.cast_unsigned()
    }
}

macro_rules! functions {
    ($add:ident: $($name:ident($($param:ident: $ty:ty),*);)*) => {
        fn $add<T: 'static>(
            linker: &mut Linker<T>,
            snapshot: Snapshot,
            get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
        ) -> Result<()> {
            $({
                let signature = signature::of(stringify!($name)).map_err(Error::new)?;
                linker.func_wrap(
                    snapshot.module(),
                    stringify!($name),
                    move |mut caller: Caller<'_, T>, $($param: $ty),*| -> Result<u32> {
                        let call = Logged { snapshot, signature, args: &[$($param.raw()),*] };
                        with_call(&mut caller, get, &call, &|call| call.$name($($param),*))
                    },
                )?;
            })*
            Ok(())
        }
    };
}

functions! { add_newer:
    sock_accept(fd: u32, flags: u32, result: u32);
}

functions! { add_functions:
    args_get(list: u32, bytes: u32);
    args_sizes_get(count: u32, bytes: u32);
    environ_get(list: u32, bytes: u32);
    environ_sizes_get(count: u32, bytes: u32);
    clock_res_get(clock: u32, result: u32);
    clock_time_get(clock: u32, precision: u64, result: u32);
    fd_advise(fd: u32, offset: u64, length: u64, advice: u32);
    fd_allocate(fd: u32, offset: u64, length: u64);
    fd_close(fd: u32);
    fd_datasync(fd: u32);
    fd_fdstat_get(fd: u32, result: u32);
    fd_fdstat_set_flags(fd: u32, flags: u32);
    fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
    fd_filestat_get(fd: u32, result: u32);
    fd_filestat_set_size(fd: u32, size: u64);
    fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32);
    fd_pread(fd: u32, buffers: u32, count: u32, offset: u64, result: u32);
    fd_prestat_get(fd: u32, result: u32);
    fd_prestat_dir_name(fd: u32, address: u32, length: u32);
    fd_pwrite(fd: u32, buffers: u32, count: u32, offset: u64, result: u32);
    fd_read(fd: u32, buffers: u32, count: u32, result: u32);
    fd_readdir(fd: u32, address: u32, length: u32, cookie: u64, result: u32);
    fd_renumber(fd: u32, to: u32);
    fd_seek(fd: u32, offset: i64, whence: u32, result: u32);
    fd_sync(fd: u32);
    fd_tell(fd: u32, result: u32);
    fd_write(fd: u32, buffers: u32, count: u32, result: u32);
    path_create_directory(fd: u32, path: u32, length: u32);
    path_filestat_get(fd: u32, lookup: u32, path: u32, length: u32, result: u32);
    path_filestat_set_times(fd: u32, lookup: u32, path: u32, length: u32, accessed: u64, modified: u64, flags: u32);
    path_link(old_fd: u32, lookup: u32, old: u32, old_length: u32, new_fd: u32, new: u32, new_length: u32);
    path_open(fd: u32, lookup: u32, path: u32, length: u32, open: u32, base: u64, inheriting: u64, flags: u32, result: u32);
    path_readlink(fd: u32, path: u32, length: u32, address: u32, room: u32, result: u32);
    path_remove_directory(fd: u32, path: u32, length: u32);
    path_rename(old_fd: u32, old: u32, old_length: u32, new_fd: u32, new: u32, new_length: u32);
    path_symlink(target: u32, target_length: u32, fd: u32, path: u32, length: u32);
    path_unlink_file(fd: u32, path: u32, length: u32);
    poll_oneoff(subscriptions: u32, events: u32, count: u32, result: u32);
    random_get(address: u32, length: u32);
    sched_yield();
    sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, received: u32, received_flags: u32);
    sock_send(fd: u32, buffers: u32, count: u32, flags: u32, result: u32);
    sock_shutdown(fd: u32, how: u32);
}

/// Runs `function` with the caller's memory and context; its outcome as the guest gets it. When a
/// wait is given up, the store says whether the function is run again.
fn with_call<T: 'static>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    logged: &Logged<'_>,
    // By reference, so that there is one copy of this for all functions.
    function: &dyn Fn(&mut Call<'_>) -> Result<(), Errno>,
) -> Result<u32> {
    let memory = match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => memory,
        Some(_) => bail!("the export `memory` of a WASI program must be a memory"),
        None => bail!("a WASI program must export its memory as `memory`"),
    };
    let mut waits = Waits { watch: caller.epoch_watch(), ..Waits::default() };
    let mut begins = true;
    loop {
        let (bytes, data) = memory.data_and_store_mut(&mut *caller);
        let context = get(data);
        waits.deadline = context.deadline;
        let guest = Guest::new(bytes);
        // Taken, so that the call can have the context to itself.
        let mut log = context.log.take_if(|log| log.has(logged.signature.scope));
        if let (Some(log), true) = (&mut log, begins) {
            log.begin(logged, &guest);
        }
        let snapshot = logged.snapshot;
        let mut call = Call::new(context, guest, snapshot, &mut waits);
        let outcome = function(&mut call);
        let Call { context, guest, waits: waited, .. } = call;
        let is_over = waited.is_over && outcome == Err(Errno::Intr);
        if let (Some(log), false) = (&mut log, is_over) {
            log.end(logged, &guest, outcome);
        }
        if log.is_some() {
            context.log = log;
        }
        if !is_over {
            return Ok(number(outcome));
        }
        if context.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Trap::Interrupt.into());
        }
        caller.check_epoch_deadline()?;
        (waits.watch, waits.is_over, begins) = (caller.epoch_watch(), false, false);
    }
}

fn number(outcome: Result<(), Errno>) -> u32 {
    match outcome {
        Ok(()) => SUCCESS,
        Err(errno) => u32::from(errno.number()),
    }
}
