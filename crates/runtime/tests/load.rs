//! Images that contradict themselves or their module are typed errors, and leave nothing behind.
//!
//! Not under Miri: the code of its images is linked in as machine code.
#![cfg(not(miri))]
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod machine;

use std::sync::Arc;

use brolga_abi::{CodeImage, CodeRange, StaticTable, TypedCode};
use brolga_module::{DefinedFuncIndex, TableIndex, TypeIndex};
use brolga_runtime::{ImageFlaw, LoadError, LoadedCode, TypeRegistry};

fn load(change: impl FnOnce(&mut CodeImage)) -> Result<Arc<LoadedCode>, LoadError> {
    let mut image = machine::image();
    change(&mut image);
    let registry = TypeRegistry::new();
    // SAFETY: nothing here runs what is loaded.
    let loaded = unsafe { LoadedCode::load(machine::module(), image, &registry) };
    if loaded.is_err() {
        assert!(registry.is_empty());
    }
    loaded
}

fn flaw(change: impl FnOnce(&mut CodeImage)) -> ImageFlaw {
    match load(change) {
        Err(LoadError::Corrupt(flaw)) => flaw,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sound_image_is_loaded_with_its_types() {
    let registry = TypeRegistry::new();
    let module = machine::module();
    let image = machine::image();
    // SAFETY: as above.
    let load = |module, image| unsafe { LoadedCode::load(module, image, &registry) }.unwrap();
    let code = load(Arc::clone(&module), image.clone());
    assert_eq!(registry.len(), 4);
    assert_ne!(code.type_id(TypeIndex(0)), code.type_id(TypeIndex(1)));
    assert_eq!(code.to_image(), image);
    assert!(code.image.code.is_empty(), "the bytes are there once");
    assert_eq!(code.bytes(), image.code);
    let again = load(module, image);
    assert_eq!(code.type_ids(), again.type_ids());
    assert!(code.type_registry().same(&registry));
    assert_ne!(code.base(), again.base());
    assert_eq!(code.mapped_bytes(), CodeImage::PAGE);
    let function = code.function_code(DefinedFuncIndex(0));
    assert_eq!(function.addr(), code.base().addr());
    assert!(code.host_entry(TypeIndex(3)).is_some());
    assert!(code.host_exit(TypeIndex(3)).is_none());
    drop((code, again));
    assert!(registry.is_empty());
}

#[test]
fn another_processor_is_refused() {
    let error = load(|image| image.target = "s390x-unknown-linux-gnu".into()).unwrap_err();
    let here = std::env::consts::ARCH;
    let expected = format!("the code image is for s390x-unknown-linux-gnu, this is {here}");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn text_must_be_whole_pages_inside_the_image() {
    for text_bytes in [1, 4096, 2 * 65_536, u32::MAX] {
        let found = flaw(|image| image.text_bytes = text_bytes);
        assert!(matches!(found, ImageFlaw::Text { .. }), "{found}");
    }
    let found = flaw(|image| image.code.truncate(100));
    assert_eq!(found.to_string(), "65536 bytes of text in an image of 100 bytes");
}

#[test]
fn functions_are_the_modules() {
    let found = flaw(|image| image.functions.truncate(11));
    assert_eq!(found.to_string(), "11 functions where the module defines 12");
    let part = "function";
    let outside = |change: fn(&mut CodeRange)| flaw(|image| change(&mut image.functions[3]));
    let expected = ImageFlaw::Outside { part, position: 3 };
    assert_eq!(outside(|range| range.start = 65_536), expected);
    assert_eq!(outside(|range| range.len = 65_536), expected);
    assert_eq!(outside(|range| range.len = u32::MAX), expected);
    assert_eq!(outside(|range| range.len = 0), expected);
    let found = flaw(|image| image.functions.swap(3, 4));
    assert_eq!(found, ImageFlaw::Order { part, position: 4 });
    assert_eq!(found.to_string(), "function 4 is out of order");
}

#[test]
fn entries_and_exits_are_there_in_order_and_inside() {
    let found = flaw(|image| image.host_entries.retain(|row| row.ty != TypeIndex(1)));
    let ty = TypeIndex(1);
    let part = "host entry";
    assert_eq!(found, ImageFlaw::Missing { part, ty });
    assert_eq!(found.to_string(), "there is no host entry for type 1");
    let found = flaw(|image| image.host_entries.swap(0, 1));
    assert_eq!(found, ImageFlaw::Order { part, position: 1 });
    let found = flaw(|image| image.host_entries[2].range.start = u32::MAX);
    assert_eq!(found, ImageFlaw::Outside { part, position: 2 });
    let found = flaw(|image| {
        let range = image.host_entries[0].range;
        let ty = TypeIndex(4);
        image.host_entries.push(TypedCode { ty, range });
    });
    assert_eq!(found, ImageFlaw::Foreign { part, position: 4 });
    let found = flaw(|image| image.host_exits.clear());
    let (part, ty) = ("host exit", TypeIndex(0));
    assert_eq!(found, ImageFlaw::Missing { part, ty });
    let found = flaw(|image| image.builtin_thunks[0].1.len = u32::MAX);
    let part = "builtin thunk";
    assert_eq!(found, ImageFlaw::Outside { part, position: 0 });
}

#[test]
fn sites_are_sorted_and_inside() {
    let part = "trap site";
    let found = flaw(|image| image.trap_sites.swap(0, 2));
    assert_eq!(found, ImageFlaw::Order { part, position: 1 });
    let found = flaw(|image| image.trap_sites[3].code_offset = u32::MAX);
    assert_eq!(found, ImageFlaw::Outside { part, position: 3 });
    let part = "call site";
    let found = flaw(|image| image.call_sites.swap(0, 1));
    assert_eq!(found, ImageFlaw::Order { part, position: 1 });
    let found = flaw(|image| image.call_sites[0].code_offset = 65_537);
    assert_eq!(found, ImageFlaw::Outside { part, position: 0 });
}

#[test]
fn static_tables_hold_this_modules_functions() {
    let text = r#"(module
        (type $other (func))
        (type $same (func (param i32)))
        (type $used (func (param i32)))
        (table $first 3 funcref)
        (table $second 3 funcref)
        (func (type $used))
    )"#;
    let bytes = wat::parse_str(text).unwrap();
    let module = brolga_module::ParsedModule::decode(bytes.into(), Default::default());
    let module = Arc::new(module.unwrap());
    let start = CodeImage::PAGE as u32;
    let mut image = CodeImage {
        functions: vec![CodeRange { start: 16, len: 16 }],
        host_entries: Vec::new(),
        host_exits: Vec::new(),
        builtin_thunks: Vec::new(),
        trap_sites: Vec::new(),
        call_sites: Vec::new(),
        static_tables: vec![StaticTable {
            table: TableIndex(1),
            start,
            functions: vec![None, Some(DefinedFuncIndex(0)), None],
        }],
        ..machine::image()
    };
    let row = |code_offset: i32, type_index: u32| {
        [code_offset.to_ne_bytes(), type_index.to_ne_bytes()].concat()
    };
    let null = row(0, u32::MAX);
    let offset = 16 - i32::try_from(start).unwrap();
    image.code.extend([&null[..], &row(offset, 1), &null].concat());
    let load = |change: &dyn Fn(&mut CodeImage)| {
        let mut image = image.clone();
        change(&mut image);
        let (module, types) = (Arc::clone(&module), TypeRegistry::new());
        // SAFETY: as above.
        unsafe { LoadedCode::load(module, image, &types) }.map(drop)
    };
    assert_eq!(load(&|_| ()), Ok(()));
    let part = "static table";
    let foreign = Err(LoadError::Corrupt(ImageFlaw::Foreign { part, position: 0 }));
    let outside = Err(LoadError::Corrupt(ImageFlaw::Outside { part, position: 0 }));
    let page = CodeImage::PAGE;
    // A null that is none, another function's code, another type.
    assert_eq!(load(&|image| image.code[page + 4] = 0), foreign);
    assert_eq!(load(&|image| image.code[page + 8] ^= 1), foreign);
    assert_eq!(load(&|image| image.code[page + 12] = 2), foreign);
    type Change = fn(&mut StaticTable);
    let changed = |change: Change| load(&|image| change(&mut image.static_tables[0]));
    assert_eq!(changed(|table| table.table = TableIndex(2)), foreign);
    assert_eq!(changed(|table| table.functions.truncate(2)), foreign);
    let unknown = |table: &mut StaticTable| table.functions[0] = Some(DefinedFuncIndex(1));
    assert_eq!(changed(unknown), foreign);
    assert_eq!(changed(|table| table.start += 8), outside);
    assert_eq!(changed(|table| table.start = 0), outside);
    assert_eq!(changed(|table| table.start = u32::MAX), outside);
}

/// Whatever number stands in whatever table: an error, or an image that can be loaded.
#[test]
fn no_number_in_a_table_panics() {
    let wild = [0, 1, 17, 65_535, 65_536, u32::MAX - 1, u32::MAX];
    let count = machine::image().functions.len();
    for value in wild {
        for position in 0..count {
            let _either = load(|image| image.functions[position].start = value);
            let _either = load(|image| image.functions[position].len = value);
        }
        for position in 0..4 {
            let _either = load(|image| image.host_entries[position].ty = TypeIndex(value));
            let _either = load(|image| image.host_entries[position].range.start = value);
            let _either = load(|image| image.trap_sites[position].code_offset = value);
            let _either = load(|image| image.call_sites[position].code_offset = value);
        }
        let _either = load(|image| image.text_bytes = value);
    }
}
