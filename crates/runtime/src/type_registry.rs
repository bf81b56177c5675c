//! A file on which the sandbox stands (the check of every indirect call); changes need a second
//! reader.
//!
//! The engine's function types: each different type has one number, its [`FunctionTypeId`], for as
//! long as anybody holds it.
//!
//! It never compares types at call time; that is what the numbers are for.
//!
//! **Invariants**
//! - Two registrations of one registry that live at the same time give equal types equal ids and
//!   different types different ids.
//! - An id is given to another type only after the last [`Registration`] that holds it is gone.
//! - Counting and looking up happen under one lock, so nobody can be given an id that is just
//!   being released.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use brolga_abi::FunctionTypeId;
use brolga_module::{FuncType, HeapType, RefType, TypeIndex, ValType};

/// The function types of one engine. Clones are the same registry.
#[derive(Clone, Default)]
pub struct TypeRegistry(Arc<RwLock<Types>>);

/// A list of types that could not be registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TypeError {
    /// A type names another one, whose identity would have to become part of its own.
    #[error("type {position} has a reference to a concrete type, which is not supported")]
    ConcreteReference {
        /// Where the type stands in the list.
        position: usize,
    },
    /// Every id is in use.
    #[error("the engine holds {} function types, the most there can be", FunctionTypeId::NULL.0)]
    TooMany,
}

impl TypeRegistry {
    /// A registry without types.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives every type of the list its id, and holds the ids until the result is dropped. Takes
    /// the registry's lock once.
    ///
    /// # Errors
    /// [`TypeError`]; nothing is held then.
    pub fn register(&self, types: &[FuncType]) -> Result<Registration, TypeError> {
        let concrete =
            |ty: &FuncType| ty.params().iter().chain(ty.results()).any(|&ty| is_concrete(ty));
        if let Some(position) = types.iter().position(concrete) {
            return Err(TypeError::ConcreteReference { position });
        }
        // Dropped on the way out, should the ids run out in the middle.
        let mut registration =
            Registration { registry: self.clone(), ids: Vec::with_capacity(types.len()) };
        let mut table = self.write();
        for ty in types {
            match table.hold(ty) {
                Some(id) => registration.ids.push(id),
                None => {
                    drop(table);
                    return Err(TypeError::TooMany);
                }
            }
        }
        drop(table);
        Ok(registration)
    }

    /// The type of id `id`, if somebody holds it.
    pub fn get(&self, id: FunctionTypeId) -> Option<Arc<FuncType>> {
        let table = self.read();
        let entry = table.entries.get(id.0 as usize)?;
        (entry.holders != 0).then(|| Arc::clone(&entry.ty))
    }

    /// The id of `ty`, if somebody holds it.
    pub fn find(&self, ty: &FuncType) -> Option<FunctionTypeId> {
        self.read().ids.get(ty).map(|&id| FunctionTypeId(id))
    }

    /// How many types there are.
    pub fn len(&self) -> usize {
        self.read().ids.len()
    }

    /// Whether there is no type.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the two are the same registry.
    pub fn same(&self, other: &TypeRegistry) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    // Nothing that runs under the lock can panic half-way, so a poisoned table is still a table.
    fn read(&self) -> RwLockReadGuard<'_, Types> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Types> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TypeRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeRegistry").field("len", &self.len()).finish()
    }
}

/// Ids held on behalf of a module or of a host function.
#[derive(Debug)]
pub struct Registration {
    registry: TypeRegistry,
    ids: Vec<FunctionTypeId>,
}

impl Registration {
    /// The id of the list's type `ty`; `None` past its end.
    pub fn id(&self, ty: TypeIndex) -> Option<FunctionTypeId> {
        self.ids.get(ty.as_usize()).copied()
    }

    /// The ids, in the order of the list.
    pub fn ids(&self) -> &[FunctionTypeId] {
        &self.ids
    }

    /// Where they are registered.
    pub fn registry(&self) -> &TypeRegistry {
        &self.registry
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let mut table = self.registry.write();
        for id in self.ids.drain(..) {
            table.release(id);
        }
    }
}

#[derive(Default)]
struct Types {
    ids: HashMap<Arc<FuncType>, u32>,
    /// By id. An entry without holders keeps its last type until the id is used again.
    entries: Vec<Entry>,
    /// The ids without holders.
    free: Vec<u32>,
}

struct Entry {
    ty: Arc<FuncType>,
    holders: usize,
}

impl Types {
    /// The id of `ty`, with one more holder; `None` if every id is in use.
    fn hold(&mut self, ty: &FuncType) -> Option<FunctionTypeId> {
        if let Some(&id) = self.ids.get(ty) {
            self.entries[id as usize].holders += 1;
            return Some(FunctionTypeId(id));
        }
        let ty = Arc::new(ty.clone());
        let entry = Entry { ty: Arc::clone(&ty), holders: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                let id = u32::try_from(self.entries.len()).ok()?;
                if FunctionTypeId(id) == FunctionTypeId::NULL {
                    return None;
                }
                self.entries.push(entry);
                id
            }
        };
        self.ids.insert(ty, id);
        Some(FunctionTypeId(id))
    }

    fn release(&mut self, id: FunctionTypeId) {
        let entry = &mut self.entries[id.0 as usize];
        entry.holders -= 1;
        if entry.holders == 0 {
            self.ids.remove(&entry.ty);
            self.free.push(id.0);
        }
    }
}

fn is_concrete(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(RefType { heap: HeapType::Concrete(_), .. }))
}

#[cfg(test)]
mod tests {
    use super::{TypeError, TypeRegistry};
    use brolga_abi::FunctionTypeId;
    use brolga_module::{FuncType, HeapType, RefType, TypeIndex, ValType};

    /// A different type for every number.
    fn numbered(number: usize) -> FuncType {
        let kinds = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
        let params: Vec<_> = (0..6).map(|bit| kinds[number >> (2 * bit) & 3]).collect();
        FuncType::new(params, [])
    }

    #[test]
    fn equal_types_share_an_id_and_others_do_not() {
        let registry = TypeRegistry::new();
        let one = registry.register(&[numbered(1), numbered(2), numbered(1)]).unwrap();
        let two = registry.register(&[numbered(2)]).unwrap();
        assert_eq!(one.ids()[0], one.ids()[2]);
        assert_ne!(one.ids()[0], one.ids()[1]);
        assert_eq!(one.id(TypeIndex(1)), two.id(TypeIndex(0)));
        assert_eq!(one.id(TypeIndex(3)), None);
        assert_eq!(registry.len(), 2);
        assert_eq!(registry.get(two.ids()[0]).as_deref(), Some(&numbered(2)));
        assert_eq!(registry.find(&numbered(1)), Some(one.ids()[0]));
        assert_eq!(registry.get(FunctionTypeId::NULL), None);
    }

    #[test]
    fn an_id_is_held_until_the_last_holder_goes() {
        let registry = TypeRegistry::new();
        let one = registry.register(&[numbered(1)]).unwrap();
        let two = registry.register(&[numbered(1)]).unwrap();
        let id = one.ids()[0];
        drop(one);
        let other = registry.register(&[numbered(7)]).unwrap();
        assert_ne!(other.ids()[0], id);
        assert_eq!(registry.get(id).as_deref(), Some(&numbered(1)));
        drop(two);
        assert_eq!(registry.get(id), None);
        assert_eq!(registry.find(&numbered(1)), None);
        // Only now may it mean something else.
        let third = registry.register(&[numbered(9)]).unwrap();
        assert_eq!(third.ids()[0], id);
        drop((other, third));
        assert!(registry.is_empty());
    }

    #[test]
    fn a_failed_registration_holds_nothing() {
        let registry = TypeRegistry::new();
        let concrete =
            ValType::Ref(RefType { nullable: true, heap: HeapType::Concrete(TypeIndex(0)) });
        let types = [numbered(0), FuncType::new([], [concrete])];
        let error = registry.register(&types).unwrap_err();
        assert_eq!(error, TypeError::ConcreteReference { position: 1 });
        assert_eq!(
            error.to_string(),
            "type 1 has a reference to a concrete type, which is not supported"
        );
        assert!(registry.is_empty());
    }

    /// 64 threads hold overlapping sets of types for short times. While a set is held its ids must
    /// go on meaning its types, whatever the others let go of.
    #[test]
    fn ids_stay_true_under_64_threads() {
        const TYPES: usize = 97;
        let registry = TypeRegistry::new();
        std::thread::scope(|scope| {
            for thread in 0..if cfg!(miri) { 3 } else { 64_u64 } {
                let registry = &registry;
                scope.spawn(move || {
                    let mut random = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                    let mut next = move || {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        random as usize
                    };
                    let mut held = Vec::new();
                    for _ in 0..if cfg!(miri) { 8 } else { 400 } {
                        let types: Vec<_> =
                            (0..1 + next() % 8).map(|_| numbered(next() % TYPES)).collect();
                        let registration = registry.register(&types).unwrap();
                        held.push((types, registration));
                        for (types, registration) in &held {
                            for (ty, &id) in types.iter().zip(registration.ids()) {
                                assert_eq!(registry.get(id).as_deref(), Some(ty));
                                assert_eq!(registry.find(ty), Some(id));
                            }
                        }
                        while held.len() > next() % 5 {
                            let position = next() % held.len();
                            held.swap_remove(position);
                        }
                    }
                });
            }
        });
        assert!(registry.is_empty(), "every holder is gone: {registry:?}");
    }
}
