//! Types in words, for error messages: as the text format writes them.

use std::fmt::Write;

use brolga_module::{
    FuncType, GlobalType, HeapType, IndexType, MemoryType, RefType, TableType, ValType,
};

pub(crate) fn val_type(ty: ValType) -> String {
    match ty {
        ValType::I32 => "i32".into(),
        ValType::I64 => "i64".into(),
        ValType::F32 => "f32".into(),
        ValType::F64 => "f64".into(),
        ValType::V128 => "v128".into(),
        ValType::Ref(ty) => ref_type(ty),
    }
}

fn ref_type(ty: RefType) -> String {
    let heap = match ty.heap {
        HeapType::Func if ty.nullable => return "funcref".into(),
        HeapType::Extern if ty.nullable => return "externref".into(),
        HeapType::Func => "func".into(),
        HeapType::Extern => "extern".into(),
        HeapType::NoFunc => "nofunc".into(),
        HeapType::NoExtern => "noextern".into(),
        HeapType::Concrete(index) => index.to_string(),
        other => format!("{other:?}"),
    };
    let null = if ty.nullable { "null " } else { "" };
    format!("(ref {null}{heap})")
}

pub(crate) fn func_type(ty: &FuncType) -> String {
    let mut text = "func".to_string();
    for (keyword, types) in [("param", ty.params()), ("result", ty.results())] {
        if !types.is_empty() {
            let types: Vec<_> = types.iter().map(|&ty| val_type(ty)).collect();
            let _written = write!(text, " ({keyword} {})", types.join(" "));
        }
    }
    text
}

pub(crate) fn memory_type(ty: MemoryType) -> String {
    let mut text = format!("memory {}", limits(ty.index, ty.min, ty.max));
    if ty.shared {
        text.push_str(" shared");
    }
    if ty.page_size_log2 != 16 {
        let _written = write!(text, " (pagesize {})", ty.page_bytes());
    }
    text
}

pub(crate) fn table_type(ty: TableType) -> String {
    format!("table {} {}", limits(ty.index, ty.min, ty.max), ref_type(ty.element))
}

pub(crate) fn global_type(ty: GlobalType) -> String {
    let content = val_type(ty.content);
    if ty.mutable { format!("global (mut {content})") } else { format!("global {content}") }
}

fn limits(index: IndexType, min: u64, max: Option<u64>) -> String {
    let index = if index == IndexType::I64 { "i64 " } else { "" };
    match max {
        Some(max) => format!("{index}{min} {max}"),
        None => format!("{index}{min}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_in_the_text_format() {
        let ty = FuncType::new([ValType::I32, ValType::FUNCREF], [ValType::V128]);
        assert_eq!(func_type(&ty), "func (param i32 funcref) (result v128)");
        assert_eq!(func_type(&FuncType::default()), "func");
        let memory = MemoryType {
            index: IndexType::I64,
            min: 1,
            max: Some(2),
            shared: true,
            page_size_log2: 0,
        };
        assert_eq!(memory_type(memory), "memory i64 1 2 shared (pagesize 1)");
        let element = RefType { nullable: false, heap: HeapType::Extern };
        let table = TableType { index: IndexType::I32, element, min: 3, max: None };
        assert_eq!(table_type(table), "table 3 (ref extern)");
        let global = GlobalType { content: ValType::EXTERNREF, mutable: true };
        assert_eq!(global_type(global), "global (mut externref)");
    }
}
