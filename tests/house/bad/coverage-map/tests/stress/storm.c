int storm;
