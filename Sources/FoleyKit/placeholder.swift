// placeholder until the first file of FoleyKit lands
