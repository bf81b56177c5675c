//! The threads that a compilation may use.
//!
//! **Invariants**
//! - Which thread does what, and how many there are, never shows in a result.
//! - The thread that asks is blocked until the work is done; nothing runs on afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(feature = "parallel")]
use {
    rayon::{ThreadPool, ThreadPoolBuilder},
    std::sync::OnceLock,
};

use crate::CompileError;

/// The stack of a compilation thread, in bytes: what a main thread usually has, although nothing
/// on the way recurses in proportion to its input.
#[cfg(feature = "parallel")]
const STACK_BYTES: usize = 8 << 20;

/// The threads that a compilation may use.
pub(crate) enum Workers {
    /// Only the one that asks.
    Caller,
    /// Those of the pool that all compilations share.
    #[cfg(feature = "parallel")]
    Shared(&'static ThreadPool),
    /// Those of a pool for this compilation.
    #[cfg(feature = "parallel")]
    Own(ThreadPool),
}

impl Workers {
    /// As many threads as `threads` says: 0 for one per processor, shared with other compilations;
    /// 1 for the calling thread itself. Without the feature `parallel` that does it all.
    ///
    /// # Errors
    /// If the system does not give that many threads. Where it refuses those of the shared pool,
    /// the calling thread does the work.
    pub(crate) fn new(threads: usize) -> Result<Self, CompileError> {
        match threads {
            #[cfg(feature = "parallel")]
            0 => Ok(shared_pool().map_or(Self::Caller, Self::Shared)),
            1 => Ok(Self::Caller),
            #[cfg(not(feature = "parallel"))]
            _ => Ok(Self::Caller),
            #[cfg(feature = "parallel")]
            _ => new_pool(threads)
                .map(Self::Own)
                .map_err(|error| CompileError::Threads { threads, reason: error.to_string() }),
        }
    }

    /// Has every position below `count` visited, in about this order, by `visit` of some thread.
    ///
    /// `visit` gets what its thread keeps from one position to the next, made by `new_state`.
    pub(crate) fn visit<S>(
        &self,
        count: usize,
        new_state: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, usize) + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut state = None;
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                if position >= count {
                    return;
                }
                visit(state.get_or_insert_with(&new_state), position);
            }
        };
        match self {
            Self::Caller => work(),
            #[cfg(feature = "parallel")]
            Self::Shared(pool) => on_threads(pool, count, work),
            #[cfg(feature = "parallel")]
            Self::Own(pool) => on_threads(pool, count, work),
        }
    }
}

/// Runs `work` on the threads of `pool`, as far as there is something for each.
#[cfg(feature = "parallel")]
fn on_threads(pool: &ThreadPool, count: usize, work: impl Fn() + Sync) {
    let threads = pool.current_num_threads().min(count);
    if threads <= 1 {
        return work();
    }
    pool.scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|_| work());
        }
    });
}

/// The pool that all compilations share, made when first needed.
#[cfg(feature = "parallel")]
fn shared_pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    POOL.get_or_init(|| new_pool(0).ok()).as_ref()
}

#[cfg(feature = "parallel")]
fn new_pool(threads: usize) -> Result<ThreadPool, rayon::ThreadPoolBuildError> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .thread_name(|index| format!("brolga-compile-{index}"))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_is_visited_once() {
        for threads in [0, 1, 2, 16] {
            let workers = Workers::new(threads).unwrap();
            for count in [0, 1, 2, 1000] {
                let visits: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                workers.visit(
                    count,
                    || (),
                    |(), position| {
                        visits[position].fetch_add(1, Ordering::Relaxed);
                    },
                );
                assert!(visits.iter().all(|it| it.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn one_thread_is_the_callers() {
        let workers = Workers::new(1).unwrap();
        let caller = std::thread::current().id();
        workers.visit(10, || (), |(), _| assert_eq!(std::thread::current().id(), caller));
    }
}
