//! Section environ: the variables of the environment.

use crate::call::{self, Call};
use crate::errno::Errno;

impl Call<'_> {
    pub(crate) fn environ_get(&mut self, list: u32, bytes: u32) -> Result<(), Errno> {
        call::write_strings(&mut self.guest, &self.context.environ, list, bytes)
    }

    pub(crate) fn environ_sizes_get(&mut self, count: u32, bytes: u32) -> Result<(), Errno> {
        call::write_string_sizes(&mut self.guest, &self.context.environ, count, bytes)
    }
}
