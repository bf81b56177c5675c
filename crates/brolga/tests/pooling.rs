//! An engine with a pool: what it refuses, and that tenants who follow each other in it see nothing
//! of those before.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use brolga::*;

fn engine(
    change: impl FnOnce(&mut PoolingAllocationConfig),
    config: &mut Config,
) -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(4).total_memories(4).total_tables(4).total_stacks(4);
    change(&mut pool);
    Engine::new(config.allocation_strategy(pool))
}

/// A tenant: tells whether its memory, table and global are as its module says, and spoils them.
const TENANT: &str = r#"(module
    (memory (export "memory") 2 64)
    (data (i32.const 65536) "DATA")
    (table (export "table") 8 funcref)
    (global $g (export "g") (mut i64) (i64.const 7))
    (func $f) (elem (i32.const 3) $f)
    (func (export "spoil") (result i32) (local $at i32) (local $sum i32)
        ;; All but the data must be zero.
        (loop $next
            (local.set $sum (i32.or (local.get $sum) (i32.wrap_i64 (i64.load (local.get $at)))))
            (local.set $sum (i32.or (local.get $sum) (i32.wrap_i64 (i64.shr_u (i64.load (local.get $at)) (i64.const 32)))))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const 65536))))
        (if (i64.ne (global.get $g) (i64.const 7)) (then (return (i32.const 1))))
        (if (i32.eqz (ref.is_null (table.get (i32.const 0)))) (then (return (i32.const 2))))
        (if (ref.is_null (table.get (i32.const 3))) (then (return (i32.const 3))))
        (if (i32.ne (i32.load8_u (i32.const 65536)) (i32.load8_u (i32.const 65539))) (then (return (i32.const 4))))
        (if (i32.ne (memory.grow (i32.const 3)) (i32.const 2)) (then (return (i32.const 5))))
        (if (i32.ne (i32.load (i32.const 0x4fffc)) (i32.const 0)) (then (return (i32.const 6))))
        (if (i32.ne (i32.load (i32.const 0x20000)) (i32.const 0)) (then (return (i32.const 7))))
        (memory.fill (i32.const 0) (i32.const 0xcc) (i32.const 0x50000))
        (table.fill (i32.const 0) (ref.func $f) (i32.const 8))
        (global.set $g (i64.const -1))
        (local.get $sum))
    (func (export "beyond") (result i32) (i32.load (i32.const 0x50000))))"#;

fn tenant(letter: &str, bytes: usize) -> String {
    TENANT.replace("DATA", &letter.repeat(bytes))
}

fn visit(store: &mut Store<()>, module: &Module) -> Result<Instance> {
    let instance = Instance::new(&mut *store, module, &[])?;
    let spoil = instance.get_typed_func::<(), i32>(&mut *store, "spoil")?;
    assert_eq!(spoil.call(&mut *store, ())?, 0);
    let beyond = instance.get_typed_func::<(), i32>(&mut *store, "beyond")?;
    let error = beyond.call(&mut *store, ()).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
    Ok(instance)
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn tenants_see_nothing_of_those_before() -> Result<()> {
    type Change = fn(&mut Config, &mut PoolingAllocationConfig);
    let changes: [Change; 5] = [
        |_, _| {},
        |_, pool| {
            pool.max_unused_warm_slots(0);
        },
        |_, pool| {
            pool.linear_memory_keep_resident(100_000);
        },
        |config, _| {
            config.memory_reservation(1 << 20);
        },
        |config, pool| {
            config.signals_based_traps(false);
            pool.linear_memory_keep_resident(1 << 30);
        },
    ];
    for change in changes {
        let mut config = Config::new();
        let mut probe = PoolingAllocationConfig::new();
        change(&mut config, &mut probe);
        let engine = engine(|pool| change(&mut Config::new(), pool), &mut config)?;
        let modules = [tenant("a", 1 << 16), tenant("b", 1 << 16), tenant("c", 4)];
        let modules = modules.map(|text| Module::new(&engine, text).unwrap());
        for round in 0..12 {
            let mut store = Store::new(&engine, ());
            for at in 0..4 {
                let instance = visit(&mut store, &modules[(round * at) % 3])?;
                if at % 2 == 0 {
                    instance.close(&mut store)?;
                }
            }
        }
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn threads_share_the_pool() -> Result<()> {
    let engine = engine(|_| (), &mut Config::new())?;
    let modules = [tenant("a", 1 << 16), tenant("b", 1 << 16)];
    let modules = modules.map(|text| Module::new(&engine, text).unwrap());
    let (made, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (engine, modules, made, refused) = (&engine, &modules, &made, &refused);
            scope.spawn(move || {
                for round in 0..25 {
                    let mut store = Store::new(engine, ());
                    match visit(&mut store, &modules[(thread + round) % 2]) {
                        Ok(_) => made.fetch_add(1, Ordering::Relaxed),
                        Err(error) => {
                            assert!(error.is::<PoolConcurrencyLimitError>(), "{error:?}");
                            refused.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
    });
    assert_eq!(made.into_inner() + refused.into_inner(), 200);
    // Everything has been given back.
    let mut stores: Vec<_> = (0..4).map(|_| Store::new(&engine, ())).collect();
    stores.iter_mut().try_for_each(|store| visit(store, &modules[0]).map(drop))?;
    let error = visit(&mut Store::new(&engine, ()), &modules[0]).unwrap_err();
    assert!(error.is::<PoolConcurrencyLimitError>());
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn growing_past_the_pool_gives_minus_one() -> Result<()> {
    let change = |pool: &mut PoolingAllocationConfig| {
        pool.max_memory_size(3 << 16).table_elements(5);
    };
    let engine = engine(change, &mut Config::new())?;
    let module = Module::new(
        &engine,
        r#"(module (memory 1) (table $t (export "t") 1 externref)
            (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "table") (param i32) (result i32)
                (table.grow $t (ref.null extern) (local.get 0))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    for (name, growths) in
        [("memory", [(3, -1), (2, 1), (1, -1)]), ("table", [(5, -1), (4, 1), (1, -1)])]
    {
        let grow = instance.get_typed_func::<i32, i32>(&mut store, name)?;
        for (by, expected) in growths {
            assert_eq!(grow.call(&mut store, by)?, expected, "{name} by {by}");
        }
    }
    let large = Module::new(&engine, "(module (memory 4))")?;
    let error = Instance::new(&mut store, &large, &[]).unwrap_err();
    assert!(format!("{error:#}").contains("(setting `max_memory_size`)"), "{error:#}");
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn a_store_has_a_stack_from_its_first_call() -> Result<()> {
    let engine = engine(|pool| _ = pool.total_stacks(1), &mut Config::new())?;
    let module = Module::new(&engine, r#"(module (func (export "f")))"#)?;
    let call = |store: &mut Store<()>| -> Result<()> {
        let instance = Instance::new(&mut *store, &module, &[])?;
        instance.get_typed_func::<(), ()>(&mut *store, "f")?.call(&mut *store, ())
    };
    let (mut one, mut two) = (Store::new(&engine, ()), Store::new(&engine, ()));
    call(&mut one)?;
    let error = call(&mut two).unwrap_err();
    assert!(error.is::<PoolConcurrencyLimitError>(), "{error:?}");
    call(&mut one)?;
    drop(one);
    call(&mut two)
}

/// Panics whenever it is asked about a table.
struct Panics;

impl ResourceLimiter for Panics {
    fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        resume_unwind(Box::new("asked"))
    }
}

#[test]
#[cfg_attr(miri, ignore = "compiling takes Miri minutes")]
fn a_panic_gives_everything_back() -> Result<()> {
    let engine = engine(|_| (), &mut Config::new())?;
    let module = Module::new(&engine, tenant("a", 4))?;
    let mut store = Store::new(&engine, Panics);
    store.limiter(|data| data);
    for _ in 0..20 {
        let made = catch_unwind(AssertUnwindSafe(|| Instance::new(&mut store, &module, &[])));
        assert!(made.is_err(), "no error: there is room each time");
    }
    Ok(())
}

#[test]
fn the_default_pool_is_a_pool() -> Result<()> {
    let default = PoolingAllocationConfig::default();
    let InstanceAllocationStrategy::Pooling(pool) = InstanceAllocationStrategy::pooling() else {
        panic!("not a pool")
    };
    assert_eq!(format!("{pool:?}"), format!("{default:?}"));
    // It has tables of 20,000 elements; a store has larger ones.
    let pooled = Engine::new(Config::new().allocation_strategy(default))?;
    let ty = || TableType::new(RefType::FUNCREF, 20_001, None);
    Table::new(Store::new(&Engine::default(), ()), ty(), Ref::Func(None))?;
    let error = Table::new(Store::new(&pooled, ()), ty(), Ref::Func(None)).unwrap_err();
    assert!(error.to_string().contains("20000"), "{error}");
    Ok(())
}
