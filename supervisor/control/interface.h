#ifndef COOP_CONTROL_INTERFACE_H
#define COOP_CONTROL_INTERFACE_H

/*
 * interface.h - the interface files as strings, exactly as committed
 *
 * org.varlink.service.GetInterfaceDescription answers with these.
 */
extern const char interface_io_coop_Supervisor[];
extern const char interface_org_varlink_service[];

#endif
