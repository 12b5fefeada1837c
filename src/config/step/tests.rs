//! Tests of the step grammar.
