//! A call as a request is made of it.

use classify_aws::call::Call as Wire;
use findings::canonical;

use crate::Call;

impl Call {
    pub fn wire(&self) -> Wire {
        Wire {
            service: self.service.clone(),
            operation: self.operation.clone(),
            region: self.region.clone(),
            parameters: canonical(&self.parameters),
        }
    }
}
