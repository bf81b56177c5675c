//! Objects of ours that wasm holds references to without seeing into them.

use brolga::*;

const MODULE: &str = r#"
    (module
        (import "host" "read" (func $read (param externref) (result i32)))
        (table $shelf (export "shelf") 10 externref)
        (func (export "put") (param $at i32) (param $book externref)
            (table.set $shelf (local.get $at) (local.get $book)))
        (func (export "read") (param $at i32) (result i32)
            (call $read (table.get $shelf (local.get $at)))))
    "#;

/// Any type will do that may be sent and shared.
struct Book {
    title: &'static str,
    pages: u32,
}

fn main() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.func_wrap(
        "host",
        "read",
        |caller: Caller<'_, ()>, book: Option<Rooted<ExternRef>>| {
            let book = book.context("no book there")?;
            let book = book.data(&caller)?.and_then(|any| any.downcast_ref::<Book>());
            let book = book.context("that is no book")?;
            println!("reading {}", book.title);
            Ok(book.pages)
        },
    )?;

    let module = Module::new(&engine, MODULE)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let put = instance.get_typed_func::<(u32, Option<Rooted<ExternRef>>), ()>(&mut store, "put")?;
    let read = instance.get_typed_func::<u32, u32>(&mut store, "read")?;

    let book = ExternRef::new(&mut store, Book { title: "Flatland", pages: 96 })?;
    put.call(&mut store, (4, Some(book)))?;
    assert_eq!(read.call(&mut store, 4)?, 96);
    assert!(read.call(&mut store, 5).is_err());

    // It is the same object wherever it comes back from.
    let shelf = instance.get_table(&mut store, "shelf").context("no shelf")?;
    let found = shelf.get(&mut store, 4).context("no such place")?;
    let found = found.unwrap_extern().context("an empty place")?;
    assert!(Rooted::ref_eq(&store, found, &book)?);

    // What is made in a scope is ours until the scope ends, and wasm's as long as it can reach it.
    {
        let mut scope = RootScope::new(&mut store);
        let short = ExternRef::new(&mut scope, Book { title: "Sylvie", pages: 400 })?;
        put.call(&mut scope, (5, Some(short)))?;
    }
    store.gc(None)?;
    assert_eq!(read.call(&mut store, 5)?, 400);
    put.call(&mut store, (5, None))?;
    // Dropped now; the other one is ours as long as the store.
    store.gc(None)?;
    assert_eq!(read.call(&mut store, 4)?, 96);
    Ok(())
}
