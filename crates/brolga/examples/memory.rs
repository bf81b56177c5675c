//! Reading and writing what wasm has in its memory.

use brolga::*;

const MODULE: &str = r#"
    (module
        (memory (export "memory") 1 3)
        (data (i32.const 0x100) "wasm was here")
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))
    "#;

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let memory = instance.get_memory(&mut store, "memory").context("no such memory")?;
    let load = instance.get_typed_func::<u32, u32>(&mut store, "load")?;

    // Copied out, or looked at where it is.
    let mut text = [0; 13];
    memory.read(&store, 0x100, &mut text)?;
    assert_eq!(&text, b"wasm was here");
    assert_eq!(memory.data(&store)[0x100], b'w');

    // Written in both ways too; wasm sees it.
    memory.write(&mut store, 0x100, b"host")?;
    memory.data_mut(&mut store)[0x104] = b'!';
    assert_eq!(load.call(&mut store, 0x100)?, u32::from(b'h'));
    assert_eq!(load.call(&mut store, 0x104)?, u32::from(b'!'));

    // What is outside is an error for us, and a trap for wasm.
    assert!(memory.write(&mut store, 0xffff, b"too long").is_err());
    assert!(load.call(&mut store, 0x1_0000).is_err());

    // A page more, and it is inside. The type allows three pages, not four.
    assert_eq!(memory.grow(&mut store, 1)?, 1);
    assert_eq!(load.call(&mut store, 0x1_0000)?, 0);
    assert!(memory.grow(&mut store, 2).is_err());
    println!("the memory has {} pages", memory.size(&store));
    Ok(())
}
