//! Host objects that wasm can hold references to.
//!
//! ```text
//!  host: ExternRefId ──▶ a root, which names the object          wasm: a number, 0 is null
//!                              │                                          │
//!                              ▼                                          ▼
//!                        place in `objects` ◀── the same multiplication ──┘
//! ```
//! An object is there as long as something leads to it: a root of the host's, a global, a table, or
//! code that is under way. What nothing leads to is taken out by [`Store::collect_externrefs`].
//!
//! Roots are a stack. Who runs host code on behalf of wasm notes how many there are and puts that
//! number back afterwards: what the host code was given or made in between is not its own any more.
//! Roots that outlast this are beside the stack and live as long as the host's `Arc` to them.
//!
//! Numbers are spread over all of 32 bits, so that numbers in code that are no references are
//! hardly ever taken for some (see `stack_words.rs`).
//!
//! **Trusts** that code holds numbers that it was given, and where `stack_words.rs` finds them.
//! **Promises** that a number which code can hold has its object, that an [`ExternRefId`] finds the
//! object it was made for or none, and that collecting runs no code of the host's.
//! **Tested by** `tests/extern_ref.rs`; with code, by `tests/externrefs/` of `brolga`.

use std::any::Any;
use std::sync::Weak;

use brolga_module::{GlobalIndex, ValType};

use crate::arena::{Arena, Place};
use crate::limits::LimitError;
use crate::stack_words::for_each_word;
use crate::value::Bits;
use crate::{ExternRefId, HandleError, Store};

/// A host object.
pub type ExternObject = Box<dyn Any + Send + Sync>;

/// The objects of a store, and what the host holds of them.
#[derive(Default)]
pub(crate) struct ExternRefs {
    objects: Arena<ExternObject>,
    /// What the host was given, the newest last.
    roots: Vec<StackedRoot>,
    /// How many roots were given, as far as 32 bits can count.
    given: u32,
    /// What the host keeps for itself, as long as there is an `Arc` to it.
    owned: Vec<(Weak<()>, Place)>,
    /// How many of `owned` there may be before those that are gone are sought.
    owned_max: usize,
    /// How many objects have been made since the last collection, or asked for in vain.
    made: u64,
    /// How many must have been made for the next one to be worth its while.
    due: u64,
    /// How much the last collection had to look at, in words.
    looked: u64,
}

/// Where a handle's root is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Rooted {
    object: Place,
    root: Root,
}

/// A root on the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct StackedRoot {
    object: Place,
    /// The how-manieth it is: a handle to one that was here before is not to this one.
    serial: u32,
}

/// A root.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Root {
    /// At this position among the roots.
    Stacked { position: u32, serial: u32 },
    /// Somebody's own.
    Owned,
}

/// How many roots a store has: see [`Store::root_scope`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootScope(usize);

/// How many objects are made at least before a collection.
const DUE_MIN: u64 = 1 << 10;
/// How many words that were looked at an object made afterwards pays for.
const WORDS_PAID: u64 = 16;
/// The same where there is no room for another. It takes about as long to look at them as to make an
/// object; more would let a guest that stays at the limit have the host look all the time.
const WORDS_PAID_AT_LIMIT: u64 = 1 << 10;

/// An odd factor: multiplication by it is a permutation of all numbers of 32 bits.
const SPREAD: u32 = 0x9e37_79b1;
/// Its inverse.
const GATHER: u32 = inverse(SPREAD);

/// The number by which multiplication undoes that by `odd`, in 32 bits.
const fn inverse(odd: u32) -> u32 {
    // Newton's iteration doubles the bits that are right, of which there are three to begin with.
    let mut inverse = odd;
    let mut right_bits = 3;
    while right_bits < 32 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse)));
        right_bits *= 2;
    }
    inverse
}

/// What code holds as a reference to the object at `place`; never 0.
fn number_of(place: Place) -> u32 {
    // The store's limit keeps the last index free.
    (place.index + 1).wrapping_mul(SPREAD)
}

/// The index of the place that a reference's number stands for; none of null.
fn index_of(number: u32) -> Option<u32> {
    number.wrapping_mul(GATHER).checked_sub(1)
}

impl Store {
    /// Takes a host object in, so that wasm can hold references to it; it is rooted in the scope
    /// that is current.
    ///
    /// # Errors
    /// If the store's limit is reached; [`Store::collect_externrefs`] may make room.
    pub fn new_externref(&mut self, object: ExternObject) -> Result<ExternRefId, LimitError> {
        self.check_externref_room()?;
        let externrefs = &mut self.arenas.externrefs;
        externrefs.made += 1;
        let place = externrefs.objects.insert(object);
        Ok(self.root(place))
    }

    /// An error if there is no room for another object.
    pub fn check_externref_room(&self) -> Result<(), LimitError> {
        let number = self.arenas.externrefs.objects.len() as u64 + 1;
        self.budget.limits.externrefs(number)?;
        if number < u64::from(u32::MAX) {
            return Ok(());
        }
        let (name, what) = ("externrefs", "externrefs");
        Err(LimitError { name, what, max: u64::from(u32::MAX) - 1, asked: number })
    }

    /// An error if there is no room for another object; having asked counts towards the next
    /// collection.
    pub fn ask_for_externref_room(&mut self) -> Result<(), LimitError> {
        let room = self.check_externref_room();
        if room.is_err() {
            self.arenas.externrefs.made += 1;
        }
        room
    }

    /// The number that code holds as a reference to an object.
    pub fn externref_number(&self, object: ExternRefId) -> Result<u32, HandleError> {
        self.rooted_object(object).map(number_of)
    }

    /// The object behind a reference.
    pub fn externref(&self, object: ExternRefId) -> Result<&(dyn Any + Send + Sync), HandleError> {
        let place = self.rooted_object(object)?;
        let found = self.arenas.externrefs.objects.get(place);
        found.map(|it| &**it).ok_or(ExternRefId::GONE)
    }

    /// The object behind a reference, to change.
    pub fn externref_mut(
        &mut self,
        object: ExternRefId,
    ) -> Result<&mut (dyn Any + Send + Sync), HandleError> {
        let place = self.rooted_object(object)?;
        let found = self.arenas.externrefs.objects.get_mut(place);
        found.map(|it| &mut **it).ok_or(ExternRefId::GONE)
    }

    /// The reference that code holds as `number`, rooted in the scope that is current: none if it is
    /// null, or no object has that number.
    pub fn root_externref_number(&mut self, number: u32) -> Option<ExternRefId> {
        let place = self.arenas.externrefs.placed(number)?;
        Some(self.root(place))
    }

    /// Whether an object has that number.
    pub fn is_externref_number(&self, number: u32) -> bool {
        self.arenas.externrefs.placed(number).is_some()
    }

    /// Roots an object once more, in the scope that is current.
    ///
    /// # Errors
    /// If it is of another store or not rooted any more.
    pub fn root_externref(&mut self, object: ExternRefId) -> Result<ExternRefId, HandleError> {
        self.rooted_object(object).map(|place| self.root(place))
    }

    /// Roots an object as long as `life` is held by anybody.
    ///
    /// # Errors
    /// If it is of another store or not rooted any more.
    pub fn own_externref(
        &mut self,
        object: ExternRefId,
        life: Weak<()>,
    ) -> Result<ExternRefId, HandleError> {
        self.rooted_object(object).map(|place| self.own(place, life))
    }

    /// Roots the object that code holds as `number` as long as `life` is held by anybody: none if no
    /// object has that number.
    pub fn own_externref_number(&mut self, number: u32, life: Weak<()>) -> Option<ExternRefId> {
        let place = self.arenas.externrefs.placed(number)?;
        Some(self.own(place, life))
    }

    fn own(&mut self, object: Place, life: Weak<()>) -> ExternRefId {
        let externrefs = &mut self.arenas.externrefs;
        if externrefs.owned.len() >= externrefs.owned_max {
            externrefs.trim_owned();
        }
        externrefs.owned.push((life, object));
        ExternRefId { store: self.id(), place: Rooted { object, root: Root::Owned } }
    }

    /// Begins a scope of roots: everything that is rooted until [`Store::leave_root_scope`] is in
    /// it.
    #[inline(always)]
    pub fn root_scope(&self) -> RootScope {
        RootScope(self.arenas.externrefs.roots.len())
    }

    /// Ends a scope of roots: what was rooted since it began no longer is. References to it are no
    /// good any more, even if something else leads to their objects.
    #[inline(always)]
    pub fn leave_root_scope(&mut self, scope: RootScope) {
        if self.arenas.externrefs.roots.len() > scope.0 {
            self.drop_roots(scope);
        }
    }

    #[cold]
    fn drop_roots(&mut self, scope: RootScope) {
        self.arenas.externrefs.roots.truncate(scope.0);
    }

    /// Makes room for so many roots.
    pub fn reserve_roots(&mut self, additional: usize) {
        self.arenas.externrefs.roots.reserve(additional);
    }

    /// Whether so many objects were made that a collection is worth its while, or no more fit: then
    /// fewer are enough, and those that were refused count.
    pub fn is_externref_collection_due(&self) -> bool {
        let externrefs = &self.arenas.externrefs;
        let due = externrefs.due.max(DUE_MIN);
        externrefs.made >= due
            || (externrefs.made.saturating_mul(WORDS_PAID_AT_LIMIT) >= externrefs.looked
                && self.check_externref_room().is_err())
    }

    /// Takes out the objects that nothing leads to any more, for the caller to drop: their
    /// destructors are the host's code. Takes out none while calls of the store are under way on
    /// more than one stack, or the thread is on another.
    #[must_use = "the objects are dropped with it"]
    pub fn collect_externrefs(&mut self) -> Vec<ExternObject> {
        let externrefs = &mut self.arenas.externrefs;
        externrefs.made = 0;
        if externrefs.objects.len() == 0 {
            (externrefs.due, externrefs.looked) = (0, 0);
            return Vec::new();
        }
        externrefs.trim_owned();
        let mut marks = Marks::new(externrefs);
        let is_complete = self.mark(&mut marks);
        let externrefs = &mut self.arenas.externrefs;
        let dead = if is_complete { externrefs.sweep(&marks) } else { Vec::new() };
        externrefs.looked = marks.words;
        externrefs.due = (externrefs.objects.len() as u64).max(marks.words / WORDS_PAID);
        dead
    }

    /// Marks what something leads to. Says whether it knows everything that does.
    fn mark(&self, marks: &mut Marks) -> bool {
        // First: where it does not know, the rest is for nothing.
        if !for_each_word(self.context.get(), |word| marks.find(word)) {
            return false;
        }
        let externrefs = &self.arenas.externrefs;
        marks.words += (externrefs.roots.len() + externrefs.owned.len()) as u64;
        let owned = externrefs.owned.iter().map(|(_, place)| *place);
        for place in externrefs.roots.iter().map(|root| root.object).chain(owned) {
            marks.set(place.index);
        }
        for number in self.host_global_externrefs() {
            marks.find(number);
        }
        for (_, table) in self.arenas.tables.iter() {
            for entry in table.externrefs() {
                marks.find(entry.0);
            }
        }
        for (_, instance) in self.arenas.instances.iter() {
            let module = &instance.code.module;
            let own = module.imported_globals as usize..module.globals.len();
            for index in own {
                let ty = module.globals[index].content;
                if is_extern(ty) {
                    let cell = instance.global_cell(GlobalIndex::from_usize(index));
                    // SAFETY: the cell is in the live context; code that could write it waits.
                    let bits = Bits::from_cell(ty, unsafe { cell.read() });
                    marks.find(bits.0 as u32);
                } else {
                    marks.words += 1;
                }
            }
        }
        true
    }

    /// The objects that the host's globals hold, as code sees them.
    fn host_global_externrefs(&self) -> impl Iterator<Item = u32> {
        self.host_global_bits(is_extern).map(|bits| bits.0 as u32)
    }

    fn root(&mut self, object: Place) -> ExternRefId {
        let externrefs = &mut self.arenas.externrefs;
        let position = externrefs.roots.len();
        let position = u32::try_from(position).expect("the host holds no 48 GiB of roots");
        let serial = externrefs.given;
        externrefs.given = serial.wrapping_add(1);
        externrefs.roots.push(StackedRoot { object, serial });
        let place = Rooted { object, root: Root::Stacked { position, serial } };
        ExternRefId { store: self.id(), place }
    }

    /// The place of the object that a handle roots.
    fn rooted_object(&self, handle: ExternRefId) -> Result<Place, HandleError> {
        let Rooted { object, root } = handle.within(self.id())?;
        let externrefs = &self.arenas.externrefs;
        let is_rooted = match root {
            Root::Stacked { position, serial } => {
                externrefs.roots.get(position as usize) == Some(&StackedRoot { object, serial })
            }
            Root::Owned => externrefs.objects.get(object).is_some(),
        };
        if is_rooted { Ok(object) } else { Err(ExternRefId::GONE) }
    }
}

impl ExternRefs {
    /// Where the object is that code refers to by `number`.
    fn placed(&self, number: u32) -> Option<Place> {
        self.objects.place_at(index_of(number)?)
    }

    /// How many owned roots are noted.
    #[cfg(test)]
    pub(crate) fn owned_len(&self) -> usize {
        self.owned.len()
    }

    /// Forgets the owned roots that nobody holds.
    fn trim_owned(&mut self) {
        self.owned.retain(|(life, _)| life.strong_count() != 0);
        self.owned_max = (self.owned.len() * 2).max(16);
    }

    /// Takes out what is not marked.
    fn sweep(&mut self, marks: &Marks) -> Vec<ExternObject> {
        let places = self.objects.iter().map(|(place, _)| place);
        let dead: Vec<_> = places.filter(|place| !marks.is_set(place.index)).collect();
        dead.into_iter().filter_map(|place| self.objects.remove(place)).collect()
    }
}

/// Which objects something leads to.
struct Marks {
    bits: Vec<u64>,
    /// How many words were looked at; places of objects, which are swept afterwards, are some.
    words: u64,
}

impl Marks {
    fn new(externrefs: &ExternRefs) -> Self {
        let places = externrefs.objects.places();
        Self { bits: vec![0; places.div_ceil(64)], words: places as u64 }
    }

    /// Marks the object that code refers to by `number`, if that is a reference.
    #[inline]
    fn find(&mut self, number: u32) {
        self.words += 1;
        if let Some(index) = index_of(number) {
            self.set(index);
        }
    }

    /// Marks the place `index`, if there is one.
    #[inline]
    fn set(&mut self, index: u32) {
        if let Some(bits) = self.bits.get_mut(index as usize / 64) {
            *bits |= 1 << (index % 64);
        }
    }

    fn is_set(&self, index: u32) -> bool {
        self.bits.get(index as usize / 64).is_some_and(|bits| bits >> (index % 64) & 1 != 0)
    }
}

fn is_extern(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if !ty.is_func())
}

impl std::fmt::Debug for ExternRefs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternRefs")
            .field("objects", &self.objects.len())
            .field("roots", &self.roots.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_and_found_again() {
        assert_eq!(index_of(0), None, "null");
        let first = if cfg!(miri) { 100 } else { 10_000 };
        let indices = (0..first).chain((0..32).map(|bit| 1 << bit)).chain([u32::MAX - 1]);
        for index in indices {
            let number = (index + 1).wrapping_mul(SPREAD);
            assert_eq!(index_of(number), Some(index));
            assert!(number > 0xffff || index > 0xffff, "small numbers are no references");
        }
    }
}
