#ifdef __cplusplus
extern "C" {
#endif
int coop_x(int a);
#ifdef __cplusplus
}
#endif
