int coop_bare(int a);
