// placeholder until the first file of ReferenceBackend lands
