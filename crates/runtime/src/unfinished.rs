//! A file on which the sandbox stands; changes need a second reader.
//!
//! Undoing what was made of an instance whose making does not come to its end: by an error, or by
//! a panic of the embedder's, whose growth hook and compiler are asked in the middle of it.
//!
//! It never makes anything.
//!
//! **Trusts** that until an instance is finished nothing has seen it but the imported tables that
//! it wrote into.
//! **Promises** that what nothing leads to is gone when the guard is, and charged to nobody.
//! **Tested by** `tests/instantiate.rs`.
//!
//! **Invariants**
//! - What hooks are asked about is in nobody's hands while they are asked: it is put into the store
//!   afterwards, where one of these guards knows of it.

use crate::arena::Place;
use crate::instance::State;
use crate::{LoadedCode, Store};

/// The memories of an instance that is not there yet: those behind the imported ones are freed
/// unless they are kept.
pub(crate) struct NewMemories<'a> {
    pub(crate) store: &'a mut Store,
    memories: Option<Vec<Place>>,
    imported: usize,
}

impl<'a> NewMemories<'a> {
    /// Begins with the memories that the instance imports.
    pub(crate) fn new(store: &'a mut Store, imported: Vec<Place>) -> Self {
        let count = imported.len();
        Self { store, memories: Some(imported), imported: count }
    }

    pub(crate) fn push(&mut self, memory: Place) {
        self.memories.get_or_insert_default().push(memory);
    }

    /// All of them, for the instance.
    pub(crate) fn keep(mut self) -> Vec<Place> {
        self.memories.take().unwrap_or_default()
    }
}

impl Drop for NewMemories<'_> {
    fn drop(&mut self) {
        for &memory in self.memories.iter().flatten().skip(self.imported) {
            self.store.free_memory(memory);
        }
    }
}

/// An instance whose first contents are being written.
pub(crate) struct Unfinished<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) place: Place,
    pub(crate) code: &'a LoadedCode,
    /// Whether functions of the instance may be in tables of others.
    pub(crate) wrote_imported_table: bool,
    /// Whether everything that comes before the data segments is done.
    pub(crate) data_is_due: bool,
    finished: bool,
}

impl<'a> Unfinished<'a> {
    pub(crate) fn new(store: &'a mut Store, place: Place, code: &'a LoadedCode) -> Self {
        let (wrote_imported_table, data_is_due, finished) = (false, false, false);
        Self { store, place, code, wrote_imported_table, data_is_due, finished }
    }

    /// The instance is as it should be.
    pub(crate) fn finish(mut self) -> Place {
        self.finished = true;
        self.place
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if !self.wrote_imported_table {
            self.store.free_unseen(self.place);
            return;
        }
        if !self.data_is_due {
            self.store.blank_initial_memories(self.place, self.code);
        }
        self.store.retire(self.place, State::Failed);
        self.store.settle();
    }
}
