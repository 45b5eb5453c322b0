#ifndef LAUNCHER_SETTING_KINDS_H
#define LAUNCHER_SETTING_KINDS_H

#include "text/setting.h"

/*
 * setting_kinds.h - kinds of values that only sandboxes have; private to launcher/
 *
 * Their fields are in struct launch_spec; the rows that use them in sandbox_settings.c.
 */
extern const struct setting_type kind_number;  /* struct launch_number; min..max            */
extern const struct setting_type kind_mode;    /* struct launch_number; octal               */
extern const struct setting_type kind_limit;   /* struct launch_limit; max != 0: a size     */
extern const struct setting_type kind_tasks;   /* a number, or percent of the kernel's limit */
extern const struct setting_type kind_percent; /* int64_t, thousandths: "20%", "infinity"  */
extern const struct setting_type kind_weight;  /* int64_t; min..max, 0: unset              */
extern const struct setting_type kind_offset;  /* coop_nsec; a duration, '-' in front: back */
extern const struct setting_type kind_io;      /* struct launch_io_list: "PATH SIZE"        */
extern const struct setting_type kind_degree;  /* int; enum words with "no" and "yes"  */
extern const struct setting_type
    kind_caps_keep;                         /* uint64_t of what is dropped: "CAP_X", "~CAP_X" */
extern const struct setting_type kind_caps; /* uint64_t of what is named                 */
extern const struct setting_type kind_prefer;  /* uint64_t, a set of guards               */
extern const struct setting_type kind_require; /* struct launch_required                   */
extern const struct setting_type kind_filter;  /* struct strlist: lines of filter/list.h    */
extern const struct setting_type kind_filter_log; /* the same, names only                  */
extern const struct setting_type kind_answer;     /* struct launch_answer                  */
extern const struct setting_type kind_families;   /* struct strlist: values of restrict.h   */
extern const struct setting_type kind_profile;    /* struct launch_text                    */
extern const struct setting_type kind_abis;       /* uint32_t, a bit per enum filter_abi   */
extern const struct setting_type kind_securebits; /* struct launch_number of SECBIT_*        */
extern const struct setting_type kind_ports;  /* struct strlist of "80", "80-90", "none"   */
extern const struct setting_type kind_id_map; /* struct strlist of "auto", "0:100000:65536" */
extern const struct setting_type kind_paths;  /* struct strlist of "[-]/path"              */
extern const struct setting_type kind_binds;  /* struct strlist of "[-]SRC[:DST[:rbind]]"  */
extern const struct setting_type kind_mounts; /* struct launch_mounts: "ro-bind /usr /usr"  */
extern const struct setting_type kind_temporary; /* struct strlist of "/path[:options]"       */

#endif
