//! A module that calls a function of ours, and is called by us.

use brolga::*;

fn main() -> Result<()> {
    // An engine compiles modules. Text is taken as well as the binary format.
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"
        (module
            (import "" "hello" (func $hello))
            (func (export "run") (call $hello)))
        "#,
    )?;

    // A store holds what is alive.
    let mut store = Store::new(&engine, ());
    let hello = Func::wrap(&mut store, || println!("hello from the host"));

    // An instance is a module with its imports, given in the order it asks for them.
    let instance = Instance::new(&mut store, &module, &[hello.into()])?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    run.call(&mut store, ())
}
