//! How long host objects live, as far as that takes no code: which roots there are, what tables and
//! globals hold, when it is time to look.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use brolga_module::{GlobalType, IndexType, RefType, TableType, ValType};

use super::*;
use crate::{ExternObject, ExternRefId, HandleError};

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A store, and how many of the objects made by [`Counting::object`] are there.
struct Counting {
    store: Store,
    made: usize,
    drops: Arc<AtomicUsize>,
}

impl Counting {
    fn new() -> Counting {
        Counting { store: Engine::new().store(), made: 0, drops: Arc::default() }
    }

    fn object(&mut self) -> ExternRefId {
        self.made += 1;
        let object: ExternObject = Box::new(Counted(Arc::clone(&self.drops)));
        self.store.new_externref(object).expect("there is room")
    }

    /// How many are there after a collection.
    fn left(&mut self) -> usize {
        drop(self.store.collect_externrefs());
        self.made - self.drops.load(Relaxed)
    }
}

const OBJECTS: TableType =
    TableType { index: IndexType::I32, element: RefType::EXTERNREF, min: 2, max: None };
const OBJECT: GlobalType = GlobalType { content: ValType::EXTERNREF, mutable: true };

#[test]
fn an_object_goes_when_its_scope_ends() {
    let mut it = Counting::new();
    let outer = it.object();
    let scope = it.store.root_scope();
    let inner = it.object();
    let again = it.store.root_externref(outer).unwrap();
    assert_eq!(it.left(), 2);
    assert_eq!(it.store.externref_number(again), it.store.externref_number(outer));
    it.store.leave_root_scope(scope);
    for gone in [inner, again] {
        // Even before a collection, and whether or not the object stays.
        assert_eq!(it.store.externref(gone).err(), Some(HandleError::Unrooted));
        assert_eq!(it.store.externref_mut(gone).err(), Some(HandleError::Unrooted));
        assert_eq!(it.store.externref_number(gone), Err(HandleError::Unrooted));
        assert_eq!(it.store.root_externref(gone), Err(HandleError::Unrooted));
    }
    assert_eq!(it.left(), 1);
    assert!(it.store.externref(outer).is_ok());
    // Another object at the same place, under a root at the same position, is another object.
    let scope = it.store.root_scope();
    let next = it.object();
    assert_ne!(next, inner);
    assert!(it.store.externref(inner).is_err());
    it.store.leave_root_scope(scope);
    // Nor does a root of the same object at the same position make an old reference good.
    it.store.root_externref(outer).unwrap();
    assert!(it.store.externref(again).is_err());
    it.store.leave_root_scope(scope);
    // Ending a scope that is longer than the roots changes nothing.
    it.store.leave_root_scope(scope);
    assert_eq!(it.left(), 1);
}

#[test]
fn tables_and_globals_keep_objects() {
    let mut it = Counting::new();
    let scope = it.store.root_scope();
    let in_global = it.object();
    let global = it.store.new_global(OBJECT, Value::Extern(Some(in_global))).unwrap();
    let in_table = it.object();
    let table = it.store.new_table(OBJECTS, Value::Extern(Some(in_table))).unwrap();
    it.object();
    it.store.leave_root_scope(scope);
    assert_eq!(it.left(), 2);
    it.store.global_set(global, Value::Extern(None)).unwrap();
    assert_eq!(it.left(), 1);
    it.store.table_set(table, 0, Value::Extern(None)).unwrap();
    assert_eq!(it.left(), 1, "it is there twice");
    // What is read is rooted for the host.
    let scope = it.store.root_scope();
    let Value::Extern(Some(read)) = it.store.table_get(table, 1).unwrap() else { panic!() };
    it.store.table_set(table, 1, Value::Extern(None)).unwrap();
    assert_eq!(it.left(), 1);
    assert!(it.store.externref(read).unwrap().is::<Counted>());
    it.store.leave_root_scope(scope);
    assert_eq!(it.left(), 0);
}

#[test]
fn instances_keep_what_is_in_their_own_globals_and_tables() {
    let engine = Engine::new();
    let mut it = Counting::new();
    it.store = engine.store();
    let object = it.object();
    let scope = it.store.root_scope();
    let import =
        it.store.new_global(GlobalType { mutable: false, ..OBJECT }, Value::Extern(Some(object)));
    let code = engine.load(
        r#"(module (import "" "g" (global $g externref))
            (global i64 (i64.const -1)) (global $own (export "own") (mut externref) (global.get $g))
            (table (export "t") 3 externref))"#,
    );
    let instance = it.store.instantiate(&code, &[Extern::Global(import.unwrap())]).unwrap();
    let (own, table) = (global(&it.store, instance, "own"), super::table(&it.store, instance, "t"));
    let (kept, dropped) = (it.object(), it.object());
    it.store.global_set(own, Value::Extern(Some(kept))).unwrap();
    it.store.table_set(table, 2, Value::Extern(Some(dropped))).unwrap();
    it.store.leave_root_scope(scope);
    assert_eq!(it.left(), 3);
    it.store.table_set(table, 2, Value::Extern(None)).unwrap();
    assert_eq!(it.left(), 2);
    it.store.close_instance(instance).unwrap();
    assert_eq!(it.left(), 1, "the host's global is there as long as the store");
}

#[test]
fn an_owned_root_lasts_as_long_as_its_holder() {
    let mut it = Counting::new();
    let scope = it.store.root_scope();
    let (object, life) = (it.object(), Arc::new(()));
    let owned = it.store.own_externref(object, Arc::downgrade(&life)).unwrap();
    let number = it.store.externref_number(object).unwrap();
    it.store.leave_root_scope(scope);
    assert_eq!(it.left(), 1);
    assert_eq!(it.store.externref_number(owned), Ok(number));
    assert!(it.store.externref(object).is_err());
    let other = Arc::new(());
    assert!(it.store.own_externref_number(number, Arc::downgrade(&other)).is_some());
    drop(life);
    assert_eq!(it.left(), 1, "there is another");
    drop(other);
    assert_eq!(it.left(), 0);
    assert_eq!(it.store.externref(owned).err(), Some(HandleError::Unrooted));
    assert!(it.store.own_externref_number(number, std::sync::Weak::new()).is_none());
    assert!(it.store.own_externref_number(0, std::sync::Weak::new()).is_none());
}

#[test]
fn owned_roots_that_nobody_holds_take_no_room() {
    let mut it = Counting::new();
    let object = it.object();
    for _ in 0..if cfg!(miri) { 300 } else { 10_000 } {
        let life = Arc::new(());
        it.store.own_externref(object, Arc::downgrade(&life)).unwrap();
    }
    assert!(it.store.arenas.externrefs.owned_len() < 100);
}

#[test]
fn handles_are_of_their_store() {
    let (mut one, mut two) = (Counting::new(), Counting::new());
    let object = one.object();
    two.object();
    let other = HandleError::OtherStore { kind: "externref" };
    assert_eq!(two.store.externref(object).err(), Some(other));
    assert_eq!(two.store.externref_mut(object).err(), Some(other));
    assert_eq!(two.store.root_externref(object), Err(other));
    assert_eq!(two.store.own_externref(object, std::sync::Weak::new()), Err(other));
}

#[test]
#[cfg_attr(miri, ignore = "100,000 objects take minutes")]
fn a_collection_is_due_in_proportion_to_what_there_is() {
    let mut it = Counting::new();
    let scope = it.store.root_scope();
    let mut collected = 0;
    for _ in 0..100_000 {
        if it.store.is_externref_collection_due() {
            collected += 1;
            assert_eq!(it.left(), 0);
        }
        it.object();
        it.store.leave_root_scope(scope);
    }
    assert!((50..=100).contains(&collected), "{collected}");
    // Where much stays, the next is as far away; so it is where there is much to look at.
    for kept in [50_000, 1] {
        for _ in 0..kept {
            it.object();
        }
        it.left();
        let null = Value::Extern(None);
        it.store.new_table(TableType { min: 200_000, ..OBJECTS }, null).unwrap();
        it.left();
        let made = it.made;
        while !it.store.is_externref_collection_due() {
            it.object();
        }
        assert!((10_000..=60_000).contains(&(it.made - made)), "{}", it.made - made);
        it.store.leave_root_scope(scope);
    }
}

#[test]
fn at_the_limit_room_is_sought() {
    let mut it = Counting::new();
    it.store.set_limits(Limits { externrefs: 3, ..Limits::default() });
    let scope = it.store.root_scope();
    let objects = [it.object(), it.object(), it.object()];
    assert!(it.store.check_externref_room().is_err());
    assert!(it.store.is_externref_collection_due());
    assert_eq!(it.left(), 3);
    let refused: Box<dyn Any + Send + Sync> = Box::new(());
    assert_eq!(it.store.new_externref(refused).unwrap_err().asked, 4);
    assert!(objects.iter().all(|object| it.store.externref(*object).is_ok()));
    it.store.leave_root_scope(scope);
    assert_eq!(it.left(), 0);
    it.object();
}

/// Makes objects that go at once, looking for room as the host does; how often that was.
fn churn(it: &mut Counting, objects: usize) -> usize {
    let mut collected = 0;
    for _ in 0..objects {
        if it.store.is_externref_collection_due() {
            collected += 1;
            it.left();
        }
        let scope = it.store.root_scope();
        if it.store.ask_for_externref_room().is_ok() {
            it.object();
        }
        it.store.leave_root_scope(scope);
    }
    collected
}

#[test]
#[cfg_attr(miri, ignore = "half a million elements take minutes")]
fn whoever_stays_at_the_limit_has_nobody_look_all_the_time() {
    let mut it = Counting::new();
    it.store.set_limits(Limits { externrefs: 100, ..Limits::default() });
    for _ in 0..99 {
        it.object();
    }
    // With little to look at that is no matter.
    assert_eq!(churn(&mut it, 1_000), 999);
    let null = Value::Extern(None);
    it.store.new_table(TableType { min: 500_000, ..OBJECTS }, null).unwrap();
    it.left();
    let collected = churn(&mut it, 10_000);
    assert!((15..=25).contains(&collected), "{collected}");
    // Asking helps.
    it.left();
    assert!(it.store.check_externref_room().is_ok());
}

#[test]
#[cfg_attr(miri, ignore = "260,000 objects take minutes")]
fn places_that_are_empty_are_looked_at_too() {
    let mut it = Counting::new();
    let scope = it.store.root_scope();
    for _ in 0..160_000 {
        it.object();
    }
    it.store.leave_root_scope(scope);
    it.object();
    assert_eq!(it.left(), 1);
    let collected = churn(&mut it, 100_000);
    assert!((9..=10).contains(&collected), "{collected}");
}
