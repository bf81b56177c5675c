//! Constant expressions: the first values of globals and tables, offsets and elements of segments.
//!
//! **Invariants**
//! - Validation has seen to it that every operator finds its operands, of the right types, and
//!   that `global.get` names a global that is immutable and initialised already.

use brolga_module::{ConstExpr, ConstOp, FuncIndex, GlobalIndex};

use crate::arena::Place;
use crate::handle::GlobalPlace;
use crate::value::Bits;
use crate::{FuncError, Store};

impl Store {
    /// The value of an expression of the module of the instance at `place`.
    pub(crate) fn evaluate(&mut self, place: Place, expr: &ConstExpr) -> Result<Bits, FuncError> {
        // Nearly every expression is one constant.
        if let [op] = *expr.ops {
            return self.evaluate_op(place, op, &mut Vec::new());
        }
        let mut stack = Vec::new();
        for &op in &expr.ops {
            let value = self.evaluate_op(place, op, &mut stack)?;
            stack.push(value);
        }
        Ok(pop(&mut stack))
    }

    fn evaluate_op(
        &mut self,
        place: Place,
        op: ConstOp,
        stack: &mut Vec<Bits>,
    ) -> Result<Bits, FuncError> {
        Ok(match op {
            ConstOp::I32Const(value) => Bits((value as u32).into()),
            ConstOp::I64Const(value) => Bits((value as u64).into()),
            ConstOp::F32Const(bits) => Bits(bits.into()),
            ConstOp::F64Const(bits) => Bits(bits.into()),
            ConstOp::V128Const(bits) => Bits(bits),
            ConstOp::RefNullFunc | ConstOp::RefNullExtern => Bits(0),
            ConstOp::RefFunc(func) => self.func_bits(place, func)?,
            ConstOp::GlobalGet(global) => self.global_bits(place, global),
            ConstOp::I32Add => binary32(stack, u32::wrapping_add),
            ConstOp::I32Sub => binary32(stack, u32::wrapping_sub),
            ConstOp::I32Mul => binary32(stack, u32::wrapping_mul),
            ConstOp::I64Add => binary64(stack, u64::wrapping_add),
            ConstOp::I64Sub => binary64(stack, u64::wrapping_sub),
            ConstOp::I64Mul => binary64(stack, u64::wrapping_mul),
            other => unreachable!("the decoder accepts no `{other:?}` in constant expressions"),
        })
    }

    /// The reference to a function of an instance, imported or its own, callable by wasm.
    pub(crate) fn func_bits(&mut self, place: Place, func: FuncIndex) -> Result<Bits, FuncError> {
        let instance = self.instance(place);
        if instance.code.module.defined_func(func).is_some() {
            return Ok(Bits::func(self.own_func_ref(place, func)?.as_ptr()));
        }
        let func_ref = instance.imported_func_ref(func);
        // SAFETY: what an instance imports lives as long as it.
        if unsafe { (*func_ref).wasm_code.is_null() } {
            let ty = instance.code.module.functions[func.as_usize()];
            let code = instance.code.clone();
            // SAFETY: as above; only a host function's code can still be missing.
            let host = unsafe { self.func_from_ref(func_ref) };
            if let Some(crate::handle::FuncPlace::Host(host)) = host.map(|func| func.place) {
                self.host_func_ref_for_wasm(host, Some((&code, ty)))?;
            }
        }
        Ok(Bits::func(func_ref))
    }

    /// The value of a global of an instance.
    fn global_bits(&self, place: Place, global: GlobalIndex) -> Bits {
        let home = self.global_place(place, global).expect("validation has seen the index");
        let (ty, cell) = match home {
            GlobalPlace::Instance(owner, index) => self.own_global(owner, index),
            GlobalPlace::Host(_) => self.placed_global(home).expect("host globals are never freed"),
        };
        // SAFETY: the cell lives as long as the instance, and no code runs that could write it.
        Bits::from_cell(ty.content, unsafe { cell.read() })
    }
}

fn pop(stack: &mut Vec<Bits>) -> Bits {
    stack.pop().expect("validation has counted the operands")
}

fn binary32(stack: &mut Vec<Bits>, op: fn(u32, u32) -> u32) -> Bits {
    let right = pop(stack).0 as u32;
    let left = pop(stack).0 as u32;
    Bits(op(left, right).into())
}

fn binary64(stack: &mut Vec<Bits>, op: fn(u64, u64) -> u64) -> Bits {
    let right = pop(stack).0 as u64;
    let left = pop(stack).0 as u64;
    Bits(op(left, right).into())
}
