//! Stops the build with a clear message if the browser files are missing.
fn main() {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist/manifest.json");
    println!("cargo:rerun-if-changed={}", manifest.display());
    assert!(manifest.exists(), "web/dist is missing: run `make build`, which makes the browser files first");
}
