//! Makes an engine, a module and an instance, and calls it: what every embedding needs and no more.
//! With the compiler it takes a module as bytes, without it the file of a compiled one.

use brolga::*;

fn main() -> Result<()> {
    let engine = Engine::default();
    #[cfg(feature = "compiler")]
    let module = Module::new(&engine, include_bytes!("hello.wasm"))?;
    #[cfg(not(feature = "compiler"))]
    let module = {
        let path = std::env::args_os().nth(1).context("no file of a compiled module given")?;
        // SAFETY: the caller answers for the file: it is what `brolga compile` has written.
        unsafe { Module::deserialize_file(&engine, path)? }
    };
    let mut store = Store::new(&engine, ());
    let hello = Func::wrap(&mut store, || println!("hello from the host"));
    let instance = Instance::new(&mut store, &module, &[hello.into()])?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    run.call(&mut store, ())
}
