#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/filter.h>
#include <fcntl.h>
#include <sys/mman.h>
static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec*1e6+t.tv_nsec/1e3;}
static int exp_(scmp_filter_ctx c){int fd=memfd_create("x",0);seccomp_export_bpf(c,fd);int n=lseek(fd,0,SEEK_END)/8;close(fd);return n;}
int main(){
 for(int a=0;a<3;a++){
  uint32_t arch=a==0?SCMP_ARCH_NATIVE:a==1?SCMP_ARCH_X86:SCMP_ARCH_X32;
  double t=now();
  scmp_filter_ctx c=seccomp_init(SCMP_ACT_ERRNO(38));
  if(a){ printf("rm %d ",seccomp_arch_remove(c,SCMP_ARCH_NATIVE)); printf("add %d\n",seccomp_arch_add(c,arch));}
  seccomp_attr_set(c,SCMP_FLTATR_ACT_BADARCH,SCMP_ACT_ERRNO(38));
  seccomp_attr_set(c,SCMP_FLTATR_CTL_OPTIMIZE,2);
  int ok=0,bad=0,e=0,fail=0;
  for(int n=0;n<512;n++){ int nr=a==2?n|0x40000000:n;
    char*s=seccomp_syscall_resolve_num_arch(arch,nr); if(!s) continue;
    int k=seccomp_syscall_resolve_name(s);
    int r=seccomp_rule_add(c,n%3?SCMP_ACT_ALLOW:SCMP_ACT_ERRNO(1),k,0);
    if(r<0){bad++; if(!e)e=r; fail++; if(fail<8)printf("  %s %d: %d\n",s,k,r);} else ok++; free(s);}
  printf("arch %x ok %d bad %d first %d\n",arch,ok,bad,e);
  printf("457: %d exact %d\n",seccomp_rule_add(c,SCMP_ACT_ALLOW,457,0),seccomp_rule_add_exact(c,SCMP_ACT_ALLOW,458,0));
  printf("x32 457: %d\n",seccomp_rule_add_exact(c,SCMP_ACT_ALLOW,0x40000000|459,0));
  int n=exp_(c); printf("insns %d in %.0f us\n",n,now()-t);
  seccomp_release(c);
 }
}
