Test(chan, works)
{
}
