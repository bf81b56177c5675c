//! Two modules, one of which imports what the other exports.

use brolga::*;

const COUNTER: &str = r#"
    (module
        (global $count (mut i32) (i32.const 0))
        (func (export "next") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (global.get $count)))
    "#;

const PROGRAM: &str = r#"
    (module
        (import "counter" "next" (func $next (result i32)))
        (import "host" "show" (func $show (param i32)))
        (func (export "run")
            (call $show (call $next))
            (call $show (call $next))))
    "#;

fn main() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, Vec::new());

    // A linker knows things by two names, as imports do.
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "show", |mut caller: Caller<'_, Vec<i32>>, number: i32| {
        caller.data_mut().push(number);
    })?;
    let counter = Module::new(&engine, COUNTER)?;
    let counter = linker.instantiate(&mut store, &counter)?;
    linker.instance(&mut store, "counter", counter)?;

    let program = Module::new(&engine, PROGRAM)?;
    let program = linker.instantiate(&mut store, &program)?;
    program.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
    println!("shown: {:?}", store.data());
    assert_eq!(store.data(), &[1, 2]);

    // What is missing is named.
    let needy = Module::new(&engine, r#"(module (import "moon" "cheese" (func)))"#)?;
    let Err(error) = linker.instantiate(&mut store, &needy) else { bail!("there is no cheese") };
    println!("{error}");
    assert!(error.is::<UnknownImportError>());
    Ok(())
}
