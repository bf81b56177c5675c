//! The table of the functions, and how a guest's call reaches them.
//!
//! One line per function, with the parameters as the specification lowers them; the method of the
//! same name is in the file of its section. The first draft of the specification, which programs
//! import as `wasi_unstable`, has the same functions but `sock_accept`; what differs is decided by
//! the call's [`Snapshot`].

use brolga::{Caller, Extern, Linker, Result, bail};

use crate::call::{Call, Snapshot};
use crate::context::WasiCtx;
use crate::errno::Errno;
use crate::guest::Guest;
use crate::proc;

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
        add_proc(linker, snapshot.module())?;
        add_functions(linker, snapshot, get)?;
    }
    add_newer(linker, Snapshot::Preview1, get)
}

/// The two that may not return.
fn add_proc<T: 'static>(linker: &mut Linker<T>, module: &str) -> Result<()> {
    linker.func_wrap(module, "proc_exit", |code: u32| -> Result<()> { Err(proc::exit(code)) })?;
    linker.func_wrap(module, "proc_raise", |signal: u32| -> Result<u32> {
        Ok(number(proc::raise(signal)?))
    })?;
    Ok(())
}

macro_rules! functions {
    ($add:ident: $($name:ident($($param:ident: $ty:ty),*);)*) => {
        fn $add<T: 'static>(
            linker: &mut Linker<T>,
            snapshot: Snapshot,
            get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
        ) -> Result<()> {
            $(
                linker.func_wrap(
                    snapshot.module(),
                    stringify!($name),
                    move |mut caller: Caller<'_, T>, $($param: $ty),*| -> Result<u32> {
                        with_call(&mut caller, snapshot, get, |call| call.$name($($param),*))
                    },
                )?;
            )*
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

/// Runs `function` with the caller's memory and context; its outcome as the guest gets it.
fn with_call<T: 'static>(
    caller: &mut Caller<'_, T>,
    snapshot: Snapshot,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    function: impl FnOnce(&mut Call<'_>) -> Result<(), Errno>,
) -> Result<u32> {
    let memory = match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => memory,
        Some(_) => bail!("the export `memory` of a WASI program must be a memory"),
        None => bail!("a WASI program must export its memory as `memory`"),
    };
    let (bytes, data) = memory.data_and_store_mut(caller);
    let mut call = Call { context: get(data), guest: Guest::new(bytes), snapshot };
    Ok(number(function(&mut call)))
}

fn number(outcome: Result<(), Errno>) -> u32 {
    match outcome {
        Ok(()) => SUCCESS,
        Err(errno) => u32::from(errno.number()),
    }
}
