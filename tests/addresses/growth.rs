//! Accesses right after a growth, in the function that has already used the memory: what it knows
//! of base and size from before must not be used.

use brolga::{Caller, Engine, Extern, Func, Instance, Module, Store, Trap, Val};

use super::operators::{OPERATORS, Operator, bits};
use super::{KINDS, Kind, configurations};

/// Who grows the memory between two accesses: a name, and what the function does.
const GROWERS: [(&str, &str); 4] = [
    ("itself", "(drop (memory.grow $memory (INDEX.const GROWTH)))"),
    ("a callee", "(call $grow)"),
    ("a callee through a table", "(call_indirect (i32.const 0))"),
    ("the host", "(call $host)"),
];

const OFFSETS: [u64; 2] = [0, 1];

#[test]
fn growth_is_seen_at_once() {
    for kind in &KINDS[..3] {
        let bytes = wat::parse_str(module_text(kind)).expect("made right");
        for (name, config) in configurations(kind) {
            let context = format!("{} memory, {name}", kind.name);
            let engine = Engine::new(&config).expect("a configuration for this machine");
            let module = Module::new(&engine, &bytes).expect("a valid module");
            let mut tried = 0;
            for operator in OPERATORS {
                for (grower, _) in GROWERS {
                    for offset in OFFSETS {
                        tried += accesses(kind, &module, operator, grower, offset, &context);
                    }
                }
            }
            println!("{context}: {tried} accesses after growth");
            assert_eq!(tried, OPERATORS.len() * GROWERS.len() * OFFSETS.len() * 4);
        }
    }
}

fn function_name(operator: &Operator, grower: &str, offset: u64) -> String {
    format!("{} at {offset} after {grower}", operator.name)
}

fn module_text(kind: &Kind) -> String {
    let Kind { index, page, growth, .. } = kind;
    let fill_in = |text: &str| text.replace("INDEX", index).replace("GROWTH", &growth.to_string());
    let mut text = format!(
        "(module
            (import \"\" \"host\" (func $host))
            (memory $memory (export \"memory\") {index} {growth} 1000 {page})
            (table 1 funcref)
            (elem (i32.const 0) $grow)
            (func $grow {})
        ",
        fill_in(GROWERS[0].1)
    );
    for operator in OPERATORS {
        for (grower, body) in GROWERS {
            for offset in OFFSETS {
                let is_store = operator.is_store();
                let result =
                    if is_store { String::new() } else { format!("(result {})", operator.ty) };
                text += &format!(
                    "(func (export \"{}\") (param $p {index}) {result}
                        (i32.store8 $memory offset=3 ({index}.const 0) (i32.const 77))
                        {}
                        (i32.store8 $memory offset=4 ({index}.const 0) (i32.const 78))
                        (local.get $p) {} {})\n",
                    function_name(operator, grower, offset),
                    fill_in(body),
                    operator.operand(),
                    operator.text("$memory", offset),
                );
            }
        }
    }
    text + ")"
}

/// Accesses at the old end, at the new end and behind it, each in a new instance; how many.
fn accesses(
    kind: &Kind,
    module: &Module,
    operator: &Operator,
    grower: &str,
    offset: u64,
    context: &str,
) -> usize {
    let old = kind.growth * kind.page_bytes;
    let new = 2 * old;
    let width = operator.width as u64;
    let indexes = [old - offset, new - width - offset, new - width - offset + 1, new];
    for index in indexes {
        let name = function_name(operator, grower, offset);
        let context = || format!("{context}: {name}, at {index}");
        let mut store = Store::new(module.engine(), ());
        let growth = kind.growth;
        let host = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| {
            let memory = caller.get_export("memory").and_then(Extern::into_memory);
            memory.expect("exported").grow(&mut caller, growth).expect("below the maximum");
        });
        let instance = Instance::new(&mut store, module, &[host.into()]).expect("nothing to fail");
        let memory = instance.get_memory(&mut store, "memory").expect("exported");
        let mut model = vec![0; new as usize];
        for (position, byte) in memory.data_mut(&mut store).iter_mut().enumerate() {
            *byte = position as u8 ^ 0x5a;
            model[position] = *byte;
        }
        (model[3], model[4]) = (77, 78);
        let func = instance.get_func(&mut store, &name).expect("exported");
        let p = if kind.index == "i32" { Val::I32(index as i32) } else { Val::I64(index as i64) };
        let mut results = [Val::I32(0)];
        let results = &mut results[usize::from(operator.is_store())..];
        let outcome = func.call(&mut store, &[p], results);
        if index + offset + width > new {
            let error = outcome.expect_err(&context());
            assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds), "{}", context());
        } else {
            outcome.unwrap_or_else(|error| panic!("{}: {error:?}", context()));
            let from = (index + offset) as usize;
            let range = from..from + operator.width;
            if operator.is_store() {
                model[range].copy_from_slice(&operator.stored());
            } else {
                assert_eq!(bits(&results[0]), operator.loaded(&model[range]), "{}", context());
            }
        }
        assert!(memory.data(&store) == model, "{}: memory", context());
    }
    indexes.len()
}
