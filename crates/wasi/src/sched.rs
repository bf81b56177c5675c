//! Section sched: giving way.

use crate::call::Call;
use crate::errno::Errno;

impl Call<'_> {
    pub(crate) fn sched_yield(&mut self) -> Result<(), Errno> {
        self.context.clocks.yield_now();
        Ok(())
    }
}
