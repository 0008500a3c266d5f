/// Random bytes. Outside tests: the operating system's generator for secrets.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes`, each bit unpredictable.
    fn fill(&self, bytes: &mut [u8]);
}
