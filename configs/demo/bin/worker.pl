#!/usr/bin/perl
# worker.pl PORT - takes jobs out of redis and dies of every seventh one.
use strict;
use warnings;
use Socket;

$| = 1;
$SIG{PIPE} = 'IGNORE';    # a redis that goes away is an answer, not an end
my $port = shift;
for (;;) {
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    unless (connect $s, sockaddr_in($port, INADDR_LOOPBACK)) {
        print "redis is away: $!\n";
        select undef, undef, undef, 0.5;
        next;
    }
    # BLPOP answers *2, $4, jobs, $<length>, <job>.
    while (syswrite($s, "BLPOP jobs 0\r\n")) {
        my $header = <$s> // last;
        last unless $header =~ /^\*2/;
        <$s> for 1 .. 3;
        my $job = <$s> // last;
        $job =~ s/\s+$//;
        if ($job % 7 == 0) {
            print "job $job is a bad one\n";
            kill SEGV => $$;
        }
        print "job $job done\n";
    }
}
