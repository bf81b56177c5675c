//! Host objects that wasm can hold references to.
//!
//! A reference is a number, from 1 on; 0 is null. Objects live as long as the store: they are
//! collected when the garbage collector comes.
//!
//! **Invariants**
//! - A number that code can hold was given out here, so it always has its object.

use std::any::Any;
use std::num::NonZeroU32;

use crate::limits::LimitError;
use crate::{ExternRefId, HandleError, Store};

/// The objects of a store, by their number less one.
#[derive(Default)]
pub(crate) struct ExternRefs(Vec<Box<dyn Any + Send + Sync>>);

impl Store {
    /// Takes a host object in, so that wasm can hold references to it.
    pub fn new_externref(
        &mut self,
        object: Box<dyn Any + Send + Sync>,
    ) -> Result<ExternRefId, LimitError> {
        let place = self.externref_room()?;
        self.arenas.externrefs.0.push(object);
        Ok(ExternRefId { store: self.id(), place })
    }

    /// An error if there is no room for another object.
    pub fn check_externref_room(&self) -> Result<(), LimitError> {
        self.externref_room().map(drop)
    }

    /// The number of the next object.
    fn externref_room(&self) -> Result<NonZeroU32, LimitError> {
        let number = self.arenas.externrefs.0.len() as u64 + 1;
        self.budget.limits.externrefs(number)?;
        u32::try_from(number).ok().and_then(NonZeroU32::new).ok_or_else(|| {
            let (name, what) = ("externrefs", "externrefs");
            LimitError { name, what, max: u32::MAX.into(), asked: number }
        })
    }

    /// The number that code holds as a reference to an object.
    pub fn externref_number(&self, object: ExternRefId) -> Result<u32, HandleError> {
        object.within(self.id()).map(NonZeroU32::get)
    }

    /// The object behind a reference.
    pub fn externref(&self, object: ExternRefId) -> Result<&(dyn Any + Send + Sync), HandleError> {
        let position = object.within(self.id())?.get() as usize - 1;
        self.arenas.externrefs.0.get(position).map(|it| &**it).ok_or(ExternRefId::CLOSED)
    }

    /// The object behind a reference, to change.
    pub fn externref_mut(
        &mut self,
        object: ExternRefId,
    ) -> Result<&mut (dyn Any + Send + Sync), HandleError> {
        let position = object.within(self.id())?.get() as usize - 1;
        self.arenas.externrefs.0.get_mut(position).map(|it| &mut **it).ok_or(ExternRefId::CLOSED)
    }

    /// The reference that code would hold as `number`, for embedders that are given bare numbers:
    /// none if no object has that number.
    pub fn find_externref(&self, number: u32) -> Option<ExternRefId> {
        let known = number as usize <= self.arenas.externrefs.0.len();
        self.externref_at(number).filter(|_| known)
    }

    /// The reference that code holds as `index`; none if it is null.
    pub(crate) fn externref_at(&self, index: u32) -> Option<ExternRefId> {
        let place = NonZeroU32::new(index)?;
        Some(ExternRefId { store: self.id(), place })
    }
}

impl std::fmt::Debug for ExternRefs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ExternRefs").field(&self.0.len()).finish()
    }
}
