//! References: `ref.null`, `ref.is_null`, `ref.func`. Typed references will join them.

use brolga_abi::Builtin;
use brolga_module::FuncIndex;
use brolga_module::wasmparser::HeapType;
use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::IntCC;

use super::FuncTranslator;
use crate::func_env::heap_reference_type;

impl FuncTranslator<'_, '_> {
    /// `ref.null`: zero in either representation.
    pub(super) fn translate_ref_null(&mut self, ty: HeapType) {
        let null = self.builder.ins().iconst(heap_reference_type(ty), 0);
        self.push(null);
    }

    /// `ref.is_null`
    pub(super) fn translate_ref_is_null(&mut self) {
        let reference = self.pop();
        let is_null = self.builder.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.push_condition(is_null);
    }

    /// `ref.func`: the function's place in the context, filled by a builtin the first time.
    pub(super) fn translate_ref_func(&mut self, func: FuncIndex) {
        if self.env.module.defined_func(func).is_none() {
            let reference = self.imported_func_ref(func);
            return self.push(reference);
        }
        let Some((reference, code)) = self.own_func_ref(func) else {
            let func = self.index_argument(func.0);
            let reference = self.call_builtin(Builtin::ref_func, &[func]);
            return self.push(reference.expect("the builtin has a result"));
        };
        let (cold, next) = (self.cold_block(), self.builder.create_block());
        self.builder.ins().brif(code, next, &[], cold, &[]);
        self.continue_in(cold);
        let func = self.index_argument(func.0);
        self.call_builtin(Builtin::ref_func, &[func]);
        self.builder.ins().jump(next, &[]);
        self.continue_in(next);
        self.push(reference);
    }
}
