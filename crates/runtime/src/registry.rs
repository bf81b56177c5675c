//! A file on which the sandbox stands; changes need a second reader.
//!
//! Which addresses of the process are code of ours: asked by the signal handler at every fault, so
//! without a lock.
//!
//! ```text
//!  SNAPSHOT ─▶ rows sorted by address ─▶ Entry { image, code }
//!     ▲ swapped by a writer, who keeps the old one until no reader can still be looking at it
//! ```
//!
//! It never keeps code alive: a [`LoadedCode`] registers itself and takes itself out.
//!
//! **Invariants**
//! - A published snapshot never changes. What a writer takes out of use is freed only after both
//!   reader counts were seen at zero since: a reader raises a count before it loads the snapshot,
//!   so whoever could have got the old one has gone by then.
//! - While one count is at zero new readers raise that one, so that a stream of readers can't keep
//!   the other from falling to zero.
//! - Reading neither allocates nor locks, so a signal handler may do it anywhere.

use std::marker::PhantomData;
use std::mem;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use brolga_abi::{CodeImage, TrapSite};

use crate::code::LoadedCode;

/// Makes the addresses `text` known as the text of `image`, loaded by `code`, until the result is
/// dropped.
pub(crate) fn register(
    text: Range<usize>,
    image: Arc<CodeImage>,
    code: Weak<LoadedCode>,
) -> Registered {
    let start = text.start;
    let entry = Box::new(Entry { text, image, code });
    let mut writer = writer();
    let position = writer.rows.partition_point(|row| row.start < start);
    let row = Row { start, end: entry.text.end, entry: NonNull::from(Box::leak(entry)) };
    writer.rows.insert(position, row);
    writer.publish(None);
    Registered { start }
}

/// Holds an entry of the registry.
#[derive(Debug)]
pub(crate) struct Registered {
    start: usize,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut writer = writer();
        let found = writer.rows.binary_search_by_key(&self.start, |row| row.start);
        if let Ok(position) = found {
            let row = writer.rows.remove(position);
            writer.publish(Some(row.entry));
        }
    }
}

/// Begins a look at the registry.
pub(crate) fn read() -> Reader {
    let count = &READERS[CURRENT.load(SeqCst) & 1];
    count.fetch_add(1, SeqCst);
    Reader { count, snapshot: SNAPSHOT.load(SeqCst), unsend: PhantomData }
}

/// A look at the registry as it was at one moment. What it finds is there until it is dropped.
pub(crate) struct Reader {
    count: &'static AtomicUsize,
    snapshot: *const Snapshot,
    unsend: PhantomData<*const ()>,
}

impl Reader {
    /// The code whose text holds `pc`.
    pub(crate) fn find(&self, pc: usize) -> Option<&Entry> {
        // SAFETY: null or published, and not freed while our count is raised.
        let Snapshot(rows) = unsafe { self.snapshot.as_ref() }?;
        let after = rows.partition_point(|row| row.start <= pc);
        let row = &rows[after.checked_sub(1)?];
        if pc >= row.end {
            return None;
        }
        // SAFETY: an entry is freed no earlier than the snapshots that name it.
        Some(unsafe { row.entry.as_ref() })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.count.fetch_sub(1, SeqCst);
    }
}

/// A piece of registered code.
pub(crate) struct Entry {
    text: Range<usize>,
    image: Arc<CodeImage>,
    code: Weak<LoadedCode>,
}

impl Entry {
    /// The address where the text begins.
    pub(crate) fn start(&self) -> usize {
        self.text.start
    }

    /// Where `pc`, which this entry was found by, is in the image.
    pub(crate) fn offset(&self, pc: usize) -> u32 {
        // Texts are shorter than 4 GiB: their length is 32 bits wide.
        (pc - self.text.start) as u32
    }

    /// The trap that the instruction at `pc` may raise.
    pub(crate) fn trap_site(&self, pc: usize) -> Option<&TrapSite> {
        self.image.trap_site(self.offset(pc))
    }

    /// The code, unless its last user is letting go of it just now. Not for signal handlers: they
    /// could become the last user.
    pub(crate) fn code(&self) -> Option<Arc<LoadedCode>> {
        self.code.upgrade()
    }
}

/// What readers see; null stands for no rows.
static SNAPSHOT: AtomicPtr<Snapshot> = AtomicPtr::new(ptr::null_mut());
/// How many readers are inside, by the value of `CURRENT` they found.
static READERS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
/// Which of the counts new readers raise.
static CURRENT: AtomicUsize = AtomicUsize::new(0);
static WRITER: Mutex<Writer> = Mutex::new(Writer { rows: Vec::new(), retired: Vec::new() });

struct Snapshot(Box<[Row]>);

#[derive(Clone, Copy)]
struct Row {
    start: usize,
    end: usize,
    entry: NonNull<Entry>,
}

/// What the next snapshot is made of, and what is left of those before.
struct Writer {
    rows: Vec<Row>,
    retired: Vec<Retired>,
}

// SAFETY: the pointers are to boxes that the writer owns; entries are made of `Send` and `Sync`
// parts.
unsafe impl Send for Writer {}

/// Out of use, but perhaps still looked at.
struct Retired {
    snapshot: *mut Snapshot,
    entry: Option<NonNull<Entry>>,
    /// Whether each reader count was seen at zero since.
    drained: [bool; 2],
}

fn writer() -> MutexGuard<'static, Writer> {
    // A panic in between (no memory) leaves the rows complete, so going on is sound.
    WRITER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    /// Shows `rows` to readers from now on, and retires what they replace.
    fn publish(&mut self, removed: Option<NonNull<Entry>>) {
        let snapshot = Box::into_raw(Box::new(Snapshot(self.rows.as_slice().into())));
        self.retired.push(Retired {
            snapshot: SNAPSHOT.swap(snapshot, SeqCst),
            entry: removed,
            drained: [false; 2],
        });
        self.sweep();
    }

    /// Frees what no reader can be looking at any more.
    fn sweep(&mut self) {
        let empty = [0, 1].map(|count: usize| READERS[count].load(SeqCst) == 0);
        for retired in &mut self.retired {
            for (drained, empty) in retired.drained.iter_mut().zip(empty) {
                *drained |= empty;
            }
        }
        // New readers keep away from a count that should fall.
        match empty {
            [true, false] => CURRENT.store(0, SeqCst),
            [false, true] => CURRENT.store(1, SeqCst),
            [true, true] | [false, false] => {}
        }
        let (free, kept) = mem::take(&mut self.retired)
            .into_iter()
            .partition(|retired| retired.drained == [true; 2]);
        self.retired = kept;
        free.into_iter().for_each(Retired::free);
    }
}

impl Retired {
    fn free(self) {
        if let Some(snapshot) = NonNull::new(self.snapshot) {
            // SAFETY: made by `publish` from a box, no longer published, and no reader is left
            // that got it.
            drop(unsafe { Box::from_raw(snapshot.as_ptr()) });
        }
        if let Some(entry) = self.entry {
            // SAFETY: made by `register` from a box; the snapshots that named it are older than
            // the one freed above, or that one.
            drop(unsafe { Box::from_raw(entry.as_ptr()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CURRENT, READERS, read, register, writer};
    use brolga_abi::CodeImage;
    use std::ops::Range;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

    /// The registry is the process's: these tests must not see each other's entries retire.
    fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn image() -> Arc<CodeImage> {
        Arc::new(CodeImage {
            target: String::new(),
            cpu_features: Vec::new(),
            options_fingerprint: 0,
            code: Vec::new(),
            text_bytes: 0,
            functions: Vec::new(),
            host_entries: Vec::new(),
            host_exits: Vec::new(),
            builtin_thunks: Vec::new(),
            trap_sites: Vec::new(),
            call_sites: Vec::new(),
            static_tables: Vec::new(),
        })
    }

    /// Addresses that no mapping can have.
    fn text(number: usize) -> Range<usize> {
        let start = usize::MAX / 2 + number * 100;
        start..start + 50
    }

    fn found(pc: usize) -> Option<usize> {
        read().find(pc).map(|entry| entry.start())
    }

    #[test]
    fn addresses_are_found_inside_their_text_only() {
        let _alone = alone();
        let held: Vec<_> =
            [5, 1, 3, 2, 4].map(|number| register(text(number), image(), Weak::new())).into();
        for number in 1..=5 {
            let Range { start, end } = text(number);
            assert_eq!(found(start), Some(start));
            assert_eq!(found(end - 1), Some(start));
            assert_eq!(found(end), None);
            assert_eq!(found(start - 1), None);
        }
        drop(held);
        assert!((1..=5).all(|number| found(text(number).start).is_none()));
    }

    #[test]
    fn what_a_reader_found_lives_until_it_has_gone() {
        let _alone = alone();
        let image = image();
        let registered = register(text(1), Arc::clone(&image), Weak::new());
        let reader = read();
        let entry = reader.find(text(1).start).unwrap();
        drop(registered);
        drop(register(text(2), self::image(), Weak::new()));
        assert_eq!(entry.start(), text(1).start);
        assert_eq!(Arc::strong_count(&image), 2);
        drop(reader);
        // The next change notices.
        drop(register(text(2), self::image(), Weak::new()));
        assert_eq!(Arc::strong_count(&image), 1);
        assert_eq!(writer().retired.len(), 0);
    }

    #[test]
    fn new_readers_do_not_keep_what_old_ones_left() {
        let _alone = alone();
        let image = image();
        let registered = register(text(1), Arc::clone(&image), Weak::new());
        let mut last = read();
        drop(registered);
        // There is always a reader, but never the same one for long.
        for _ in 0..4 {
            let next = read();
            drop(last);
            last = next;
            drop(register(text(2), self::image(), Weak::new()));
        }
        assert_eq!(Arc::strong_count(&image), 1);
        drop(last);
        assert!(READERS.iter().all(|count| count.load(Ordering::SeqCst) == 0));
        assert!(CURRENT.load(Ordering::SeqCst) < 2);
    }

    #[test]
    fn readers_and_writers_do_not_disturb_each_other() {
        const ROUNDS: usize = if cfg!(miri) { 3 } else { 2_000 };
        let _alone = alone();
        let stop = AtomicBool::new(false);
        let fixed = register(text(100), image(), Weak::new());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(found(text(100).start + 7), Some(text(100).start));
                        for number in 0..8 {
                            let start = text(number).start;
                            assert!(found(start).is_none_or(|found| found == start));
                        }
                    }
                });
            }
            let writers: Vec<_> = (0..4)
                .map(|thread| {
                    scope.spawn(move || {
                        for _ in 0..ROUNDS {
                            let one = register(text(2 * thread), image(), Weak::new());
                            let two = register(text(2 * thread + 1), image(), Weak::new());
                            assert_eq!(found(text(2 * thread).start), Some(one.start));
                            assert_eq!(found(text(2 * thread + 1).start), Some(two.start));
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.join().unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        drop(fixed);
        let waiting = writer().retired.len();
        assert_eq!(waiting, 0, "nobody is reading");
    }
}
