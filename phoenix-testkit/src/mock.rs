//! Recipes that record what they are given, for wiring tests: each mock must receive exactly the tags its slots promise.

use std::sync::{Arc, Mutex, PoisonError};

use phoenix_core::id::{RecipeId, Tag};
use phoenix_core::product::Product;
use phoenix_core::traits::{
    FrameReader, InputSet, InputSpec, Outcome, ProductSink, RecipeDyn, RecipeError, RecipeSpec, ResourceModel,
    RunContext,
};

/// One call of a mock: the recipe and the tags with locations it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The recipe.
    pub recipe: RecipeId,
    /// Tag and location of each input, in order.
    pub inputs: Vec<(Tag, String)>,
}

/// The calls of all mocks that share it.
#[derive(Debug, Clone, Default)]
pub struct CallLog(Arc<Mutex<Vec<Call>>>);

impl CallLog {
    /// Returns the calls so far, in the order in which they ended.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A recipe that reads nothing and makes header-only products of its declared kinds.
#[derive(Debug)]
pub struct MockRecipe {
    spec: RecipeSpec,
    log: CallLog,
}

impl MockRecipe {
    /// Returns a mock with these kinds of input and product.
    pub fn new(id: &str, inputs: &[&str], outputs: &[&str], log: &CallLog) -> Self {
        let input = |tag: &&str| InputSpec {
            tag: (*tag).into(),
            min: 1,
            max: None,
            is_main: true,
        };
        let spec = RecipeSpec {
            id: id.into(),
            doc: "records its inputs".into(),
            pipeline: "mock/1".into(),
            inputs: inputs.iter().map(input).collect(),
            outputs: outputs.iter().map(|tag| (*tag).into()).collect(),
            params: Vec::new(),
            references: Vec::new(),
            resources: ResourceModel {
                base_bytes: 1 << 20,
                bytes_per_input_byte: 0.0,
                max_threads: 1,
            },
        };
        Self { spec, log: log.clone() }
    }

    /// Returns a mock of a recipe that is described already; its parameters are those that the description sets.
    pub fn of(spec: RecipeSpec, log: &CallLog) -> Self {
        Self { spec, log: log.clone() }
    }
}

impl RecipeDyn for MockRecipe {
    fn spec_dyn(&self) -> &RecipeSpec {
        &self.spec
    }

    fn default_params_dyn(&self) -> serde_json::Value {
        let set = self.spec.params.iter().filter(|param| !param.values.is_empty());
        set.map(|param| (param.name.clone(), param.values.clone().into()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn execute_dyn(
        &self,
        inputs: &InputSet<'_>,
        _params: &serde_json::Value,
        _reader: &dyn FrameReader,
        sink: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        inputs.check(&self.spec)?;
        for tag in &self.spec.outputs {
            let mut header = phoenix_core::header::Header::new();
            header.set("PRO.CATG", tag.as_str(), "");
            ctx.record.stamp(&mut header);
            sink.put(Product {
                tag: tag.clone(),
                name: format!("{tag}.fits"),
                header,
                hdus: Vec::new(),
            })?;
        }
        let given = inputs
            .frames()
            .iter()
            .map(|frame| (frame.tag.clone(), frame.location.clone()))
            .collect();
        let call = Call {
            recipe: self.spec.id.clone(),
            inputs: given,
        };
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        Ok(Outcome::default())
    }
}
