/* coop_forgotten() here is no call. */
void all(void)
{
    coop_named();
    say("coop_forgotten()");
}
