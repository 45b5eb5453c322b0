#include "launcher/filter/list.h"
#include "launcher/filter/bytes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/audit.h>
static struct filter_policy p;
static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec*1e6+t.tv_nsec/1e3;}
int main(int c,char**v){struct strlist l={0};struct coop_err e={0};for(int i=1;i<c;i++)strlist_add(&l,v[i]);
 for(int i=1;i<c;i++) if(filter_line_check(v[i],&e)<0){printf("check: %s | %s\n",e.text,e.hint);return 1;}
 double t=now(); struct sock_filter*code;size_t n;
 if(filter_lines_apply(&l,NULL,&p,&e)<0||filter_policy_emit(&p,&code,&n,&e)<0||filter_bytes_check(code,n,&e)<0){printf("err %s\n",e.text);return 1;}
 t=now()-t; fprintf(stderr,"%zu insns %.0f us\n",n,t);
 int bad=0;
 for(int a=0;a<FILTER_ABIS;a++)for(unsigned i=0;i<FILTER_NUMBERS;i++){struct seccomp_data d={.nr=(int)(i|filter_abis[a].bit),.arch=filter_abis[a].audit_arch};uint32_t r=filter_bytes_run(code,n,&d);
  if(!p.clauses_of[a][i]&&r!=p.answers[a][i])bad++;
  const struct filter_call*k=filter_call_at(a,i);
  if(a==0&&(k||r!=FILTER_ABSENT)){const char*w=r==FILTER_ALLOW?"allow":r==FILTER_ERRNO(1)?"EPERM":r==FILTER_ABSENT?"ENOSYS":r==FILTER_ERRNO(97)?"EAFNOSUPPORT":"kill";printf("%u %s %s\n",i,k?k->name:"-",w);}}
 fprintf(stderr,"differ from table: %d\n",bad);
 free(code);filter_policy_done(&p);strlist_done(&l);return 0;}
