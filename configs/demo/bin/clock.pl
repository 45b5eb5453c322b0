#!/usr/bin/perl
# clock.pl PORT - a notify service: pushes a job a second into redis.
#
# READY=1 goes to the datagram socket in NOTIFY_SOCKET after the first job is in, so whoever is
# ordered after this service finds work.
use strict;
use warnings;
use Socket;

$| = 1;
$SIG{PIPE} = 'IGNORE';    # a redis that goes away is an answer, not an end
my $port = shift;
my $told = 0;

sub notify {
    my $path = $ENV{NOTIFY_SOCKET} or return;
    $path =~ s/^@/\0/;
    socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die "notify socket: $!";
    send($s, $_[0], 0, pack_sockaddr_un($path)) or die "notify $path: $!";
}

sub redis {
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    connect($s, sockaddr_in($port, INADDR_LOOPBACK)) or return;
    return $s;
}

my $s;
for (my $job = 1;;) {
    $s ||= redis();
    if ($s && syswrite($s, "RPUSH jobs $job\r\n") && defined(my $answer = <$s>)) {
        if ($answer =~ /^:/) {    # an error says that redis is still loading
            notify("READY=1\nSTATUS=pushing jobs\n"), print "first job is in\n" unless $told++;
            $job++;
        }
    } else {
        print "redis is away: $!\n";
        undef $s;
    }
    select undef, undef, undef, 1;
}
