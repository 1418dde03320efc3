//! Prints the JSON Schema of a serialised verdict (`make fields`).

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(chrony_health::Verdict))?;
    // The descriptions are rustdoc.
    println!("{}", schema.replace("\\n", " ").replace("`None`", "null").replace("[`", "").replace("`]", ""));
    Ok(())
}
