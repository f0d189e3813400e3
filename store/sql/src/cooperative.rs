//! Makes joins give way: one that multiplies its inputs can work for hours
//! without asking for more input, and nothing could stop it meanwhile.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Puts a [`CooperativeExec`] on top of each operator with several inputs and of
/// each that can multiply its input.
#[derive(Debug)]
pub(crate) struct YieldAtJoins;

impl PhysicalOptimizerRule for YieldAtJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wrap = |plan: Arc<dyn ExecutionPlan>| {
            let multiplies = plan.children().len() > 1 || plan.name() == "UnnestExec";
            Ok(if multiplies {
                Transformed::yes(Arc::new(CooperativeExec::new(plan)) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(plan)
            })
        };
        plan.transform_up(wrap).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "yield_at_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
