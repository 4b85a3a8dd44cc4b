// placeholder until the first file of Sampling lands
