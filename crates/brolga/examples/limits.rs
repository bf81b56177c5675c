//! How much a store may hold, and giving back what it no longer needs.

use brolga::*;

const GROWS: &str = r#"
    (module
        (memory (export "memory") 1)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
    "#;

/// What a store carries for us: the limits among it.
struct Tenant {
    name: &'static str,
    limits: StoreLimits,
}

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, GROWS)?;
    let limits = StoreLimitsBuilder::new().memory_size(4 << 16).instances(2).build();
    let mut store = Store::new(&engine, Tenant { name: "example", limits });
    store.limiter(|tenant| &mut tenant.limits);

    let first = Instance::new(&mut store, &module, &[])?;
    let grow = first.get_typed_func::<u32, i32>(&mut store, "grow")?;
    assert_eq!(grow.call(&mut store, 3)?, 1);
    // Four pages are what there is. Wasm is told so and goes on.
    assert_eq!(grow.call(&mut store, 1)?, -1);

    // Two instances, and no third, until one is closed. Its memory is free at once.
    Instance::new(&mut store, &module, &[])?;
    let Err(error) = Instance::new(&mut store, &module, &[]) else { bail!("a third instance") };
    println!("{}: {error:#}", store.data().name);
    first.close(&mut store)?;
    Instance::new(&mut store, &module, &[])?;
    assert!(grow.call(&mut store, 0).is_err());
    Ok(())
}
