/*
 * unit_keys.c - what systemd knows and coop has no row for
 *
 * A real unit file must load or be refused with a clear word; nothing in it may be ignored in
 * silence.  So each key is either harmless (it says nothing that coop would do otherwise), or
 * harmless for some values, or missing.  Keys that begin with "X-" are for other programs.
 */
#include "config/service_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "base/str.h"

static const char *const harmless[] = {
    /* clang-format off */
    "Documentation",
    "SourcePath",
    "DefaultDependencies",
    "CollectMode",
    "Alias",
    "Also",
    "SyslogIdentifier",
    "SyslogFacility",
    "SyslogLevel",
    "SyslogLevelPrefix",
    "Slice",
    "RequiresMountsFor",
    "WantsMountsFor",
    /* clang-format on */
};

/* Refused: they mean something. Sorted as in systemd's manuals. */
static const char *const missing[] = {
    "Upholds",
    "PropagatesReloadTo",
    "ReloadPropagatedFrom",
    "PropagatesStopTo",
    "StopPropagatedFrom",
    "JoinsNamespaceOf",
    "OnFailureJobMode",
    "OnSuccessJobMode",
    "IgnoreOnIsolate",
    "StopWhenUnneeded",
    "RefuseManualStart",
    "RefuseManualStop",
    "AllowIsolate",
    "JobTimeoutSec",
    "JobRunningTimeoutSec",
    "JobTimeoutAction",
    "JobTimeoutRebootArgument",
    "ConditionArchitecture",
    "ConditionFirmware",
    "ConditionVirtualization",
    "ConditionKernelCommandLine",
    "ConditionKernelVersion",
    "ConditionCredential",
    "ConditionSecurity",
    "ConditionCapability",
    "ConditionACPower",
    "ConditionNeedsUpdate",
    "ConditionFirstBoot",
    "ConditionPathIsEncrypted",
    "ConditionUser",
    "ConditionGroup",
    "ConditionControlGroupController",
    "ConditionMemory",
    "ConditionCPUs",
    "ConditionCPUFeature",
    "ConditionOSRelease",
    "ConditionMemoryPressure",
    "ConditionCPUPressure",
    "ConditionIOPressure",
    "FailureAction",
    "SuccessAction",
    "FailureActionExitStatus",
    "SuccessActionExitStatus",
    "RebootArgument",
    "UpheldBy",
    "TimeoutAbortSec",
    "TimeoutStartFailureMode",
    "TimeoutStopFailureMode",
    "RuntimeMaxSec",
    "RuntimeRandomizedExtraSec",
    "RestartMode",
    "RootDirectoryStartOnly",
    "Sockets",
    "USBFunctionDescriptors",
    "USBFunctionStrings",
    "OpenFile",

    "BusName",
    "RestartKillSignal",
    "SendSIGHUP",
    "FinalKillSignal",
    "ExitType",
    "DynamicUser",
    "PAMName",
    "UnsetEnvironment",
    "SetLoginEnvironment",
    "StandardInput",
    "StandardInputText",
    "StandardInputData",
    "TTYPath",
    "TTYReset",
    "TTYVHangup",
    "TTYVTDisallocate",
    "RootImage",
    "LoadCredential",
    "LoadCredentialEncrypted",
    "SetCredential",
    "ImportCredential",
    "LogLevelMax",
    "LogExtraFields",
    "LogRateLimitIntervalSec",
    "LogRateLimitBurst",
    "LogFilterPatterns",
    "LogNamespace",
    "CPUSchedulingPolicy",
    "CPUSchedulingPriority",
    "CPUSchedulingResetOnFork",
    "CPUAffinity",
    "NUMAPolicy",
    "NUMAMask",
    "IOSchedulingClass",
    "IOSchedulingPriority",
    "TimerSlackNSec",
    "CoredumpFilter",
    "Personality",
    "SELinuxContext",
    "AppArmorProfile",
    "SmackProcessLabel",
    "RestrictFileSystems",
    "BindLogSockets",
    "ExtensionImages",
    "ExtensionDirectories",
    "CPUAccounting",
    "CPUQuotaPeriodSec",
    "StartupCPUWeight",
    "AllowedCPUs",
    "AllowedMemoryNodes",
    "MemoryAccounting",
    "MemoryMin",
    "MemoryLow",
    "MemoryZSwapMax",
    "TasksAccounting",
    "IOAccounting",
    "IODeviceWeight",
    "IOLatencyTargetSec",
    "IPAccounting",
    "IPAddressAllow",
    "IPAddressDeny",
    "IPIngressFilterPath",
    "IPEgressFilterPath",
    "SocketBindAllow",
    "SocketBindDeny",
    "RestrictNetworkInterfaces",
    "Delegate",
    "DelegateSubgroup",
    "DisableControllers",
    "ManagedOOMSwap",
    "ManagedOOMMemoryPressure",
    "ManagedOOMMemoryPressureLimit",
    "ManagedOOMPreference",
    "MemoryPressureWatch",
    "MemoryLimit",
    "BlockIOWeight",
    "CPUShares",
};

/* What keys were called in older unit files, which still lie around. */
static const struct {
    const char *old, *key;
} renamed[] = {
    {"ReadWriteDirectories", "ReadWritePaths"},
    {"ReadOnlyDirectories", "ReadOnlyPaths"},
    {"InaccessibleDirectories", "InaccessiblePaths"},
};

const char *unit_key_name(const char *key)
{
    for (size_t i = 0; i < COOP_COUNT(renamed); i++)
        if (strcmp(renamed[i].old, key) == 0)
            return renamed[i].key;
    return key;
}

static bool in_list(const char *const *list, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], key) == 0)
            return true;
    return false;
}

enum unit_key_kind unit_key_kind(const char *section, const char *key)
{
    (void)section;
    if (strncmp(key, "X-", 2) == 0 || in_list(harmless, COOP_COUNT(harmless), key))
        return UNIT_KEY_HARMLESS;
    if (strcmp(key, "IgnoreSIGPIPE") == 0 || strcmp(key, "OOMPolicy") == 0)
        return UNIT_KEY_CHECKED;
    if (in_list(missing, COOP_COUNT(missing), key) || str_starts_with(key, "Assert"))
        return UNIT_KEY_MISSING;
    return UNIT_KEY_UNKNOWN;
}

bool unit_key_accepts(const char *key, const char *value)
{
    if (strcmp(key, "OOMPolicy") ==
        0) /* one process that the kernel kills is its parent's affair */
        return strcmp(value, "continue") == 0;
    return strcmp(value, "no") == 0 || strcmp(value, "false") == 0; /* IgnoreSIGPIPE */
}
