/* random clauses, compared with a direct evaluation of the tests */
#include "launcher/filter/policy.h"
#include "launcher/filter/bytes.h"
#include <stdio.h>
#include <stdlib.h>
static struct filter_policy p; static uint64_t s=88172645463325252u;
static uint64_t rnd(void){s^=s>>12;s^=s<<25;s^=s>>27;return s*0x2545F4914F6CDD1DULL;}
static uint64_t val(void){switch(rnd()%6){case 0:return rnd()%4;case 1:return 0xfffffffdu+rnd()%6;case 2:return ~0ull-rnd()%3;case 3:return (rnd()%3)<<32|(rnd()%3);case 4:return 1ull<<(rnd()%64);default:return rnd();}}
static int holds(const struct filter_test*t,uint64_t a){uint64_t x=t->narrow?(uint32_t)a:a;uint64_t m=x&t->mask,v=t->value;
 switch(t->op){case FILTER_EQ:return m==v;case FILTER_NE:return m!=v;case FILTER_LT:return m<v;case FILTER_LE:return m<=v;case FILTER_GT:return m>v;case FILTER_GE:return m>=v;default:return m!=0;}}
int main(void){long asked=0,bad=0,refused=0;
 for(int round=0;round<20000;round++){filter_policy_init(&p,FILTER_ERRNO(1),FILTER_ABSENT);int nc=1+rnd()%6;
  for(int i=0;i<nc;i++){struct filter_test t[6];int n=1+rnd()%5;for(int j=0;j<n;j++)t[j]=(struct filter_test){rnd()%6,rnd()%7,rnd()%3==0,rnd()%2?UINT64_MAX:val(),val()};
   if(filter_policy_clause(&p,FILTER_NATIVE,16,rnd()%64,t,n,FILTER_ERRNO(10+i),NULL)<0)refused++;}
  struct sock_filter*c;size_t n;if(filter_policy_emit(&p,&c,&n,NULL)<0||filter_bytes_check(c,n,NULL)<0){bad++;continue;}
  for(int q=0;q<40;q++){struct seccomp_data d={.nr=16,.arch=filter_abis[0].audit_arch};for(int j=0;j<6;j++)d.args[j]=val();
   if(rnd()%2&&p.test_count){struct filter_test*t=&p.tests[rnd()%p.test_count];d.args[t->argument]=t->value+(rnd()%3)-1;}
   uint32_t want=p.answers[0][16];for(uint32_t k=p.clauses_of[0][16];k;k=p.clauses[k-1].next){int ok=1;for(uint32_t j=0;j<p.clauses[k-1].count;j++)ok&=holds(&p.tests[p.clauses[k-1].tests+j],d.args[p.tests[p.clauses[k-1].tests+j].argument]);if(ok){want=p.clauses[k-1].answer;break;}}
   asked++;if(filter_bytes_run(c,n,&d)!=want)bad++;}
  free(c);filter_policy_done(&p);}
 printf("asked %ld differ %ld refused clauses %ld\n",asked,bad,refused);return bad!=0;}
