//! Data of ours in the store, changed by the functions that wasm calls.

use brolga::*;

const MODULE: &str = r#"
    (module
        (import "host" "log" (func $log (param i32 i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "first" "second")
        (func (export "run")
            (call $log (i32.const 0) (i32.const 5))
            (call $log (i32.const 5) (i32.const 6))))
    "#;

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    bytes: usize,
}

fn log(mut caller: Caller<'_, Log>, at: u32, len: u32) -> Result<()> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let memory = memory.context("the caller exports no memory")?;
    // The memory and our data at once: neither has to be copied to get at the other.
    let (bytes, log) = memory.data_and_store_mut(&mut caller);
    let line = bytes.get(at as usize..).and_then(|rest| rest.get(..len as usize));
    let line = std::str::from_utf8(line.context("a line outside the memory")?)?;
    log.bytes += line.len();
    log.lines.push(line.to_owned());
    Ok(())
}

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "log", log)?;

    let mut store = Store::new(&engine, Log::default());
    let instance = linker.instantiate(&mut store, &module)?;
    instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
    println!("{:?}", store.data().lines);
    assert_eq!(store.data().lines, ["first", "second"]);
    assert_eq!(store.into_data().bytes, 11);
    Ok(())
}
