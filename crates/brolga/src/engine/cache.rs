//! The modules an engine has compiled, found again by their bytes.
//!
//! All else that code depends on (options, target, features) is the engine's, the same for every
//! entry; so the key is the bytes. A hash finds the candidates, comparing whole bytes decides: two
//! modules are never taken for each other.
//!
//! **Invariants**
//! - An entry's code is the code of its bytes.
//! - At most one thread at a time compiles the same bytes. A thread waits only if it is not itself
//!   in the middle of a compilation, further down its stack; so nobody waits for itself, and
//!   whoever is waited for waits for nobody.
//! - The cache's hold is one `Arc`. Whoever else uses the code has one of their own, so forgetting
//!   an entry never pulls code away from anybody.
//! - Code is never freed under the lock.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use brolga_runtime::LoadedCode;

use crate::Result;

/// The modules an engine has compiled.
#[derive(Default)]
pub(super) struct ModuleCache {
    entries: Mutex<Entries>,
    /// Told whenever a compilation has ended.
    ended: Condvar,
    hasher: RandomState,
}

#[derive(Default)]
struct Entries {
    by_hash: HashMap<u64, Vec<Entry>>,
    count: usize,
    /// When there are so many, dead ones are thrown out.
    sweep_at: usize,
}

enum Entry {
    /// Somebody is at it.
    Compiling(Arc<[u8]>),
    /// There is code, or was.
    Code {
        code: Weak<LoadedCode>,
        /// Keeps it even if nobody else uses it.
        held: Option<Arc<LoadedCode>>,
    },
}

thread_local! {
    /// Whether this thread is compiling.
    static COMPILING: Cell<bool> = const { Cell::new(false) };
}

impl ModuleCache {
    /// The code of `bytes`: found, or else made by `compile`. With `hold` the cache keeps it until
    /// it is told to [forget](ModuleCache::forget).
    ///
    /// # Errors
    /// What `compile` fails with; nothing is remembered then.
    pub(super) fn find_or_compile(
        &self,
        bytes: &[u8],
        hold: bool,
        compile: impl FnOnce(Arc<[u8]>) -> Result<Arc<LoadedCode>>,
    ) -> Result<Arc<LoadedCode>> {
        let hash = self.hasher.hash_one(bytes);
        let mut entries = self.lock();
        loop {
            match entries.find(hash, bytes, hold) {
                Found::Code(code) => return Ok(code),
                Found::Nothing => break,
                // Waiting here could be waiting for oneself: compile it once more instead.
                Found::Compiling if COMPILING.get() => {
                    drop(entries);
                    return compile(bytes.into());
                }
                Found::Compiling => {
                    entries = self.ended.wait(entries).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        let bytes: Arc<[u8]> = bytes.into();
        entries.add(hash, Entry::Compiling(Arc::clone(&bytes)));
        drop(entries);
        let attempt = Attempt { cache: self, hash, bytes: &bytes, code: None, hold };
        attempt.finish(compile)
    }

    /// Gives up the cache's hold on `code` and no longer finds it. Whether it was there.
    pub(super) fn forget(&self, code: &Arc<LoadedCode>) -> bool {
        let hash = self.hasher.hash_one(&*code.module.bytes);
        let mut entries = self.lock();
        let forgotten = entries.take(hash, |entry| match entry {
            Entry::Compiling(_) => false,
            Entry::Code { code: known, .. } => core::ptr::eq(known.as_ptr(), Arc::as_ptr(code)),
        });
        drop(entries);
        forgotten.is_some()
    }

    /// How many modules are there: held by the cache or in use.
    pub(super) fn len(&self) -> usize {
        let entries = self.lock();
        entries.by_hash.values().flatten().filter(|entry| entry.is_code()).count()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Nothing that runs under the lock can panic half-way.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Found {
    Code(Arc<LoadedCode>),
    Compiling,
    Nothing,
}

impl Entry {
    fn is_code(&self) -> bool {
        matches!(self, Entry::Code { code, .. } if code.strong_count() != 0)
    }

    /// Whether nobody is interested in it any more.
    fn is_dead(&self) -> bool {
        matches!(self, Entry::Code { code, .. } if code.strong_count() == 0)
    }
}

impl Entries {
    fn find(&mut self, hash: u64, bytes: &[u8], hold: bool) -> Found {
        for entry in self.by_hash.get_mut(&hash).into_iter().flatten() {
            match entry {
                Entry::Compiling(other) if **other == *bytes => return Found::Compiling,
                Entry::Compiling(_) => {}
                Entry::Code { code, held } => {
                    let Some(code) = code.upgrade() else { continue };
                    if *code.module.bytes != *bytes {
                        continue;
                    }
                    if hold {
                        *held = Some(Arc::clone(&code));
                    }
                    return Found::Code(code);
                }
            }
        }
        Found::Nothing
    }

    fn add(&mut self, hash: u64, entry: Entry) {
        if self.count >= self.sweep_at {
            self.by_hash.retain(|_, entries| {
                entries.retain(|entry| !entry.is_dead());
                !entries.is_empty()
            });
            self.count = self.by_hash.values().map(Vec::len).sum();
            self.sweep_at = 2 * self.count + 64;
        }
        self.by_hash.entry(hash).or_default().push(entry);
        self.count += 1;
    }

    fn take(&mut self, hash: u64, which: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let entries = self.by_hash.get_mut(&hash)?;
        let position = entries.iter().position(which)?;
        let entry = entries.swap_remove(position);
        if entries.is_empty() {
            self.by_hash.remove(&hash);
        }
        self.count -= 1;
        Some(entry)
    }
}

/// A compilation that others may be waiting for: ended by its drop, come what may.
struct Attempt<'a> {
    cache: &'a ModuleCache,
    hash: u64,
    bytes: &'a Arc<[u8]>,
    code: Option<Arc<LoadedCode>>,
    hold: bool,
}

impl Attempt<'_> {
    fn finish(
        mut self,
        compile: impl FnOnce(Arc<[u8]>) -> Result<Arc<LoadedCode>>,
    ) -> Result<Arc<LoadedCode>> {
        let outer = COMPILING.replace(true);
        let _restore = Restore(outer);
        let code = compile(Arc::clone(self.bytes))?;
        self.code = Some(Arc::clone(&code));
        Ok(code)
    }
}

struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        COMPILING.set(self.0);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut entries = self.cache.lock();
        entries.take(
            self.hash,
            |entry| matches!(entry, Entry::Compiling(bytes) if Arc::ptr_eq(bytes, self.bytes)),
        );
        if let Some(code) = &self.code {
            let held = self.hold.then(|| Arc::clone(code));
            entries.add(self.hash, Entry::Code { code: Arc::downgrade(code), held });
        }
        drop(entries);
        self.cache.ended.notify_all();
    }
}
