//! Operations in any order, beside a model of what leads to what.

use std::collections::BTreeSet;

use brolga::*;

use crate::*;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What leads to objects: their numbers, by where they are.
#[derive(Default)]
struct Model {
    table: Vec<Option<u32>>,
    globals: [Option<u32>; 3],
    owned: Vec<(u32, OwnedRooted<ExternRef>)>,
}

impl Model {
    fn expected(&self) -> Vec<u32> {
        let held = self.table.iter().chain(&self.globals).flatten().copied();
        let all: BTreeSet<u32> = held.chain(self.owned.iter().map(|it| it.0)).collect();
        all.into_iter().collect()
    }
}

#[test]
fn after_any_operations_just_what_can_be_reached_is_there() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (table $t (export "t") 4 40 externref)
            (table $other 4 externref)
            (global $a (export "a") (mut externref) (ref.null extern))
            (global $b (export "b") (mut externref) (ref.null extern))
            (global $c (export "c") (mut externref) (ref.null extern))
            (elem $nulls externref (ref.null extern) (ref.null extern))
            (func (export "set") (param i32 externref)
                (call $collect) (table.set $t (local.get 0) (local.get 1)) (call $collect))
            (func (export "make") (param i32) (table.set $t (local.get 0) (call $make)))
            (func (export "move") (param i32 i32)
                (table.set $t (local.get 0) (table.get $t (local.get 1))) (call $collect)
                (table.set $t (local.get 1) (ref.null extern)) (call $collect))
            (func (export "fill") (param i32 i32)
                (table.fill $t (local.get 0) (call $make) (local.get 1)) (call $collect))
            (func (export "grow") (param i32) (result i32)
                (table.grow $t (call $make) (local.get 0)) (call $collect))
            (func (export "copy") (param i32 i32 i32)
                (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)) (call $collect))
            (func (export "init") (param i32)
                (table.init $t $nulls (local.get 0) (i32.const 0) (i32.const 2)) (call $collect))
            (func (export "rotate") (local externref)
                (local.set 0 (global.get $a))
                (global.set $a (global.get $b)) (call $collect)
                (global.set $b (global.get $c)) (call $collect)
                (global.set $c (local.get 0)) (call $collect))
            (func (export "load") (param i32)
                (global.set $a (table.get $t (local.get 0))) (call $collect))
            (func (export "throw") (local externref)
                (local.set 0 (call $make)) (call $collect) unreachable))"#
    );
    for (seed, config) in configs().iter().enumerate() {
        let (mut store, instance) = start(config, &wat)?;
        let table = instance.get_table(&mut store, "t").context("no table")?;
        let mut dice = Dice(seed as u64 + 1);
        let mut model = Model { table: vec![None; 4], ..Model::default() };
        for step in 0..3_000 {
            let mut scope = RootScope::new(&mut store);
            let len = model.table.len() as u64;
            let (at, from) = (dice.roll(len) as usize, dice.roll(len) as usize);
            let call =
                |scope: &mut RootScope<&mut Store<Objects>>, name: &str, params: &[usize]| {
                    let params: Vec<_> = params.iter().map(|it| Val::I32(*it as i32)).collect();
                    let func = instance.get_func(&mut *scope, name).context("no such function")?;
                    let mut results = vec![Val::I32(0); func.ty(&*scope).results().len()];
                    func.call(&mut *scope, &params, &mut results)
                };
            match dice.roll(15) {
                0 => {
                    call(&mut scope, "make", &[at])?;
                    model.table[at] = Some(store_next(&scope) - 1);
                }
                1 => {
                    let object = make(&mut scope)?;
                    let set =
                        instance.get_typed_func::<(u32, Option<Object>), ()>(&mut scope, "set")?;
                    set.call(&mut scope, (at as u32, Some(object)))?;
                    model.table[at] = Some(store_next(&scope) - 1);
                }
                2 => {
                    call(&mut scope, "move", &[at, from])?;
                    model.table[at] = model.table[from];
                    model.table[from] = None;
                }
                3 => {
                    let count = dice.roll(len - at as u64) as usize;
                    call(&mut scope, "fill", &[at, count])?;
                    let made = store_next(&scope) - 1;
                    model.table[at..at + count].fill(Some(made));
                }
                4 if len < 36 => {
                    let more = dice.roll(4) as usize;
                    call(&mut scope, "grow", &[more])?;
                    let made = store_next(&scope) - 1;
                    model.table.resize(len as usize + more, Some(made));
                }
                5 => {
                    let count = dice.roll(len - at.max(from) as u64) as usize;
                    call(&mut scope, "copy", &[at, from, count])?;
                    model.table.copy_within(from..from + count, at);
                }
                6 => {
                    let at = at.min(len as usize - 2);
                    call(&mut scope, "init", &[at])?;
                    model.table[at..at + 2].fill(None);
                }
                7 => {
                    call(&mut scope, "rotate", &[])?;
                    model.globals.rotate_left(1);
                }
                8 => {
                    call(&mut scope, "load", &[at])?;
                    model.globals[0] = model.table[at];
                }
                9 => {
                    assert!(call(&mut scope, "throw", &[]).is_err());
                }
                10 => {
                    let found = table.get(&mut scope, at as u64).context("inside")?;
                    let found = found.unwrap_extern().copied();
                    assert_eq!(found.map(|it| number(&scope, it)).transpose()?, model.table[at]);
                    if let Some(found) = found {
                        let owned = found.to_owned_rooted(&mut scope)?;
                        model.owned.push((number(&scope, found)?, owned));
                    }
                }
                11 | 12 if !model.owned.is_empty() => {
                    let position = dice.roll(model.owned.len() as u64) as usize;
                    model.owned.swap_remove(position);
                }
                13 if !model.owned.is_empty() => {
                    let position = dice.roll(model.owned.len() as u64) as usize;
                    let (known, owned) = &model.owned[position];
                    let object = owned.to_rooted(&mut scope);
                    table.set(&mut scope, at as u64, object.into())?;
                    model.table[at] = Some(*known);
                }
                _ => {
                    let name = ["a", "b", "c"][at % 3];
                    let global = instance.get_global(&mut scope, name).context("no global")?;
                    let object = make(&mut scope)?;
                    global.set(&mut scope, object.into())?;
                    model.globals[at % 3] = Some(store_next(&scope) - 1);
                }
            }
            drop(scope);
            store.gc(None)?;
            assert_eq!(store.data().living(), model.expected(), "step {step} of {seed}");
            for (position, expected) in model.table.iter().enumerate() {
                let mut scope = RootScope::new(&mut store);
                let found = table.get(&mut scope, position as u64).context("inside")?;
                let found = found.unwrap_extern().map(|it| number(&scope, *it)).transpose()?;
                assert_eq!(found, *expected, "step {step} of {seed}");
            }
        }
        assert!(store.data().next > 1_000 && store.data().collections > 3_000);
    }
    Ok(())
}
