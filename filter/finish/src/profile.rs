//! What the functions of a module do when it is used: how often each is entered, and which way its
//! branches go. Found by a module that counts it, and used twice: to number the functions, and to
//! hint at the branches.
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, GlobalSection, GlobalType, InstructionSink,
    Module, ValType,
};
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload, TypeRef};

use crate::FinishError;

/// A conditional branch, `if` or `br_if`: how often it was reached, and its condition held.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Branch {
    pub(crate) reached: u64,
    pub(crate) held: u64,
}

/// What a function of the module did.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Function {
    pub(crate) entered: u64,
    /// In the order of its code.
    pub(crate) branches: Vec<Branch>,
}

/// What all functions of the module did, without those that it imports.
pub(crate) type Profile = Vec<Function>;

/// Each function with the places of its conditional branches, in bytes from the beginning of its
/// body, and the number of functions that are imported, which come before.
pub(crate) fn branches(module: &[u8]) -> Result<(u32, Vec<Vec<u32>>), BinaryReaderError> {
    let (mut functions, mut imported) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => functions.push(branches_of(&body)?),
            _ => {}
        }
    }
    Ok((imported, functions))
}

fn branches_of(body: &FunctionBody<'_>) -> Result<Vec<u32>, BinaryReaderError> {
    let mut branches = Vec::new();
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        // a function's length is a u32 in the format itself
        let place =
            u32::try_from(operators.original_position() - body.range().start).unwrap_or(u32::MAX);
        if is_branch(&operators.read()?) {
            branches.push(place);
        }
    }
    Ok(branches)
}

const fn is_branch(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::If { .. } | Operator::BrIf { .. })
}

/// The name of the exported global that is counter `number` of a module that counts.
pub(crate) fn counter(number: usize) -> String {
    format!("counter-{number}")
}

/// Makes a profile of the counters, asked for one after the other.
pub(crate) fn read(functions: &[Vec<u32>], mut next: impl FnMut() -> u64) -> Profile {
    let mut function = |branches: &Vec<u32>| Function {
        entered: next(),
        branches: branches.iter().map(|_| Branch { reached: next(), held: next() }).collect(),
    };
    functions.iter().map(&mut function).collect()
}

/// The same module, but that it counts in exported globals what its functions do.
pub(crate) fn counting(module: &[u8], functions: &[Vec<u32>]) -> Result<Vec<u8>, FinishError> {
    let counters = functions.iter().map(|branches| 1 + 2 * branches.len()).sum();
    let mut counted = Module::new();
    let mut counting = Counting { counters, condition: 0, next: 0 };
    counting.parse_core_module(&mut counted, Parser::new(0), module)?;
    Ok(counted.finish())
}

/// Writes the module that counts.
struct Counting {
    counters: usize,
    /// The index of a global that holds a condition while it is counted. The counters follow it.
    condition: u32,
    /// The next counter's index.
    next: u32,
}

impl Reencode for Counting {
    type Error = Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        // none is imported
        self.condition = section.count();
        self.next = self.condition + 1;
        utils::parse_global_section(self, globals, section)?;
        let global = |val_type| GlobalType { val_type, mutable: true, shared: false };
        globals.global(global(ValType::I32), &ConstExpr::i32_const(0));
        for _ in 0..self.counters {
            globals.global(global(ValType::I64), &ConstExpr::i64_const(0));
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_export_section(self, exports, section)?;
        for (name, index) in (0..self.counters).map(counter).zip(self.condition + 1..) {
            exports.export(&name, ExportKind::Global, index);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        self.count(&mut function.instructions());
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if is_branch(&operator) {
                self.count_branch(&mut function.instructions());
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }
}

impl Counting {
    /// Adds one to the next counter.
    fn count(&mut self, code: &mut InstructionSink<'_>) {
        code.global_get(self.next).i64_const(1).i64_add().global_set(self.next);
        self.next += 1;
    }

    /// Counts the branch whose condition is on the stack.
    fn count_branch(&mut self, code: &mut InstructionSink<'_>) {
        code.global_set(self.condition);
        self.count(code);
        code.global_get(self.condition).i32_eqz().i32_eqz().i64_extend_i32_u();
        code.global_get(self.next).i64_add().global_set(self.next);
        self.next += 1;
        code.global_get(self.condition);
    }
}
