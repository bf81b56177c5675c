//! Section args: the program's arguments.

use crate::call::{self, Call};
use crate::errno::Errno;

impl Call<'_> {
    pub(crate) fn args_get(&mut self, list: u32, bytes: u32) -> Result<(), Errno> {
        call::write_strings(&mut self.guest, &self.context.args, list, bytes)
    }

    pub(crate) fn args_sizes_get(&mut self, count: u32, bytes: u32) -> Result<(), Errno> {
        call::write_string_sizes(&mut self.guest, &self.context.args, count, bytes)
    }
}
